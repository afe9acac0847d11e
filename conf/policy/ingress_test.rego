package taskpilot.ingress_test

import data.taskpilot.ingress
import data.taskpilot.tool_calls

call(method, route) := {
	"method": method,
	"route": route,
	"principal": {"id": "ann", "roles": ["client"], "scopes": ["runs:read", "runs:write"]},
	"tenant": "default",
	"auth_mode": "keys",
	"environment": "test",
}

submit := call("POST", "/v1/runs")

says(question, decision, rule) if {
	# regal ignore:with-outside-test-context
	answer := ingress.decision with input as question
	answer.decision == decision
	answer.rule == rule
}

test_an_answer_has_every_field if {
	answer := ingress.decision with input as submit
	answer == {"decision": "allow", "reasons": [], "rule": "scopes", "revision": tool_calls.revision}
}

test_what_scopes_allow_is_allowed if {
	every question in [
		submit,
		call("GET", "/v1/runs/{id}"),
		call("POST", "/v1/approvals/{id}/answer"),
		call("WS", "submit"),
		call("GET", "/v1/what-comes-next"),
	] {
		says(question, "allow", "scopes")
	}
}

test_a_server_without_keys_allows_its_local_caller if {
	local := {"auth_mode": "none", "principal": {"id": "local", "roles": ["*"], "scopes": ["admin"]}}
	says(object.union(submit, local), "allow", "scopes")
}

test_nothing_passes_with_a_field_missing if {
	every field in object.keys(submit) {
		says(object.remove(submit, [field]), "deny", "no_rule_allows")
	}
	every field in ["id", "roles", "scopes"] {
		principal := object.remove(submit.principal, [field])
		says(object.union(object.remove(submit, ["principal"]), {"principal": principal}), "deny", "no_rule_allows")
	}
	every question in [{}, [], "text", null] {
		says(question, "deny", "no_rule_allows")
	}
}

test_nothing_passes_with_a_field_of_another_kind if {
	every wrong in [
		{"method": "DELETE"},
		{"method": null},
		{"route": ""},
		{"route": ["/v1/runs"]},
		{"principal": "ann"},
		{"tenant": ""},
		{"auth_mode": "open"},
		{"environment": 1},
	] {
		says(object.union(submit, wrong), "deny", "no_rule_allows")
	}
}

test_a_closed_operation_is_denied_to_everybody if {
	answer := ingress.decision with input as submit with ingress.closed as {"POST /v1/runs"}
	answer.decision == "deny"
	answer.rule == "closed"
	answer.reasons == ["the operation is closed to everybody"]

	other := ingress.decision with input as call("WS", "submit") with ingress.closed as {"POST /v1/runs"}
	other.decision == "allow"
}

test_a_reserved_operation_needs_one_of_its_roles if {
	roles := {"WS submit": {"operator", "lead"}}
	question := call("WS", "submit")

	without := ingress.decision with input as question with ingress.reserved as roles
	without.decision == "deny"
	without.rule == "role_missing"

	some_role := object.union(question, {"principal": {"roles": ["client", "lead"]}})
	with_it := ingress.decision with input as some_role with ingress.reserved as roles
	with_it.decision == "allow"

	every_role := object.union(question, {"principal": {"roles": ["*"]}})
	with_all := ingress.decision with input as every_role with ingress.reserved as roles
	with_all.decision == "allow"

	elsewhere := ingress.decision with input as submit with ingress.reserved as roles
	elsewhere.decision == "allow"
}

test_an_operation_reserved_for_no_role_is_denied if {
	answer := ingress.decision with input as submit with ingress.reserved as {"POST /v1/runs": set()}
	answer.rule == "role_missing"
}

test_all_reasons_are_given_in_the_order_of_their_rules if {
	answer := ingress.decision with input as submit
		with ingress.closed as {"POST /v1/runs"}
		with ingress.reserved as {"POST /v1/runs": {"operator"}}
	answer.rule == "closed"
	count(answer.reasons) == 2
}
