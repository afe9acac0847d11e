# METADATA
# title: Ingress
# description: |
#   Says who may call which route of the API. It is asked after the scopes of the caller's key have allowed the call,
#   so a rule here can only take away. What is not denied is allowed when the input is whole; deny wins. Only built-ins
#   that a WebAssembly module has natively are used, as in tool_calls.rego, whose revision moves with a rule here too.
package taskpilot.ingress

import data.taskpilot.tool_calls

# An operator's rules begin here.
#
# An operation is a method and a route of the API as its contract writes it, "POST /v1/runs/{id}/cancel"; of a WebSocket
# it is WS and the op of the frame, "WS cancel". What can be done both ways has to be named both ways.

# Operations that nobody may call.
closed := set()

# Operations that need one of some roles besides the scope: {"POST /v1/runs": {"operator"}, "WS submit": {"operator"}}.
reserved := {}

denied["closed"] := "the operation is closed to everybody" if operation in closed

denied["role_missing"] := "the operation is reserved for roles that the caller does not have" if {
	roles := object.get(reserved, operation, null)
	roles != null
	not has_one_of(roles)
}

# More rules stand beside these, each under a name of its own, as in
#
#     denied["no_contractors_in_production"] := "contractors submit nothing in production" if {
#         operation in {"POST /v1/runs", "WS submit"}
#         "contractor" in input.principal.roles
#         input.environment == "production"
#     }
#
# An operator's rules end here.

# METADATA
# title: The decision on one call of the API
# entrypoint: true
decision := {
	"decision": verdict.decision,
	"reasons": verdict.reasons,
	"rule": verdict.rule,
	"revision": tool_calls.revision,
}

verdict := tool_calls.answer("deny", denied) if {
	count(denied) > 0
} else := {"decision": "allow", "reasons": [], "rule": "scopes"} if {
	whole
} else := tool_calls.answer("deny", {"no_rule_allows": "no rule allows this call"})

# A rule that finds a field missing is undefined, and would deny nothing: so nothing passes with one missing.
whole if {
	input.method in {"GET", "POST", "WS"}
	named(input.route)
	named(input.principal.id)
	is_array(input.principal.roles)
	is_array(input.principal.scopes)
	named(input.tenant)
	input.auth_mode in {"none", "keys"}
	named(input.environment)
}

named(text) if {
	is_string(text)
	text != ""
}

operation := concat(" ", [input.method, input.route])

has_one_of(roles) if {
	some role in input.principal.roles
	role in roles
}

# Who needs no key has every role.
has_one_of(_) if "*" in input.principal.roles
