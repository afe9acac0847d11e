# METADATA
# title: What OPA answers
# description: |
#   OPA's API may also replace the policy, and whoever reaches the port could use it. So: decisions, health and metrics,
#   and nothing else.
package system.authz

default allow := false

allow if {
	input.method == "POST"
	array.slice(input.path, 0, 3) == ["v1", "data", "taskpilot"]
}

allow if {
	input.method == "GET"
	input.path[0] in {"health", "metrics"}
}
