package taskpilot.tool_calls_test

import data.taskpilot.tool_calls

call(tool, agent, parameters) := {
	"tool_name": tool,
	"agent_type": agent,
	"parameters": parameters,
	"run_id": "run_1",
	"request_id": "req_1",
	"tenant": "default",
	"principal": {"id": "local", "roles": ["client"]},
	"tool": {"idempotent": false},
	"history": {"tool_calls": 0, "denied": 0},
	"approval": null,
	"environment": "test",
}

task := {"title": "Prepare the board deck", "priority": "high"}

agents := {"PlannerAgent", "ReviewerAgent", "ExecutorAgent"}

text(length) := concat("", ["ü" | some _ in numbers.range(1, length)])

says(tool, agent, parameters, decision, rule) if {
	# regal ignore:with-outside-test-context
	answer := tool_calls.decision with input as call(tool, agent, parameters)
	answer.decision == decision
	answer.rule == rule
}

test_an_answer_has_every_field if {
	answer := tool_calls.decision with input as call("create_task", "ExecutorAgent", task)
	answer == {
		"decision": "allow",
		"reasons": [],
		"rule": "create_task",
		"revision": tool_calls.revision,
		"approval": {"roles": ["approver"], "ttl_s": 3600},
	}
}

test_planner_and_executor_create_tasks if {
	says("create_task", "PlannerAgent", task, "allow", "create_task")
	says("create_task", "ExecutorAgent", task, "allow", "create_task")
	says("create_task", "ReviewerAgent", task, "deny", "agent_not_allowed")
}

test_every_priority_is_accepted_and_nothing_else if {
	every priority in ["high", "medium", "low"] {
		says("create_task", "ExecutorAgent", {"title": "t", "priority": priority}, "allow", "create_task")
	}
	every priority in ["urgent", "HIGH", "", null, 1, ["high"]] {
		says("create_task", "ExecutorAgent", {"title": "t", "priority": priority}, "deny", "create_task_priority")
	}
	says("create_task", "ExecutorAgent", {"title": "t"}, "deny", "create_task_priority")
}

test_a_title_has_1_to_500_characters if {
	every length in [1, 499, 500] {
		says("create_task", "ExecutorAgent", {"title": text(length), "priority": "low"}, "allow", "create_task")
	}
	every title in ["", text(501), null, 7, ["t"], {"t": "t"}] {
		says("create_task", "ExecutorAgent", {"title": title, "priority": "low"}, "deny", "create_task_title")
	}
	says("create_task", "ExecutorAgent", {"priority": "low"}, "deny", "create_task_title")
}

test_a_description_is_optional_and_has_at_most_10000_characters if {
	every description in ["", "why", text(10000), null] {
		parameters := object.union(task, {"description": description})
		says("create_task", "ExecutorAgent", parameters, "allow", "create_task")
	}
	every description in [text(10001), 7, false, {}] {
		parameters := object.union(task, {"description": description})
		says("create_task", "ExecutorAgent", parameters, "deny", "create_task_description")
	}
}

test_a_sensitive_high_priority_task_needs_an_approval if {
	every title in ["Sensitive: board deck", "the SENSITIVE list", "insensitive remarks"] {
		parameters := {"title": title, "priority": "high"}
		says("create_task", "PlannerAgent", parameters, "require_approval", "create_task_sensitive")
	}
}

test_a_sensitive_task_of_lower_priority_needs_none if {
	every priority in ["medium", "low"] {
		says("create_task", "ExecutorAgent", {"title": "sensitive", "priority": priority}, "allow", "create_task")
	}
}

test_an_approval_in_the_input_changes_no_rule if {
	approved := object.union(
		call("create_task", "ExecutorAgent", {"title": "sensitive", "priority": "high"}),
		{"approval": {"digest": "d", "by": "ada", "roles": ["approver"]}},
	)
	held := tool_calls.decision with input as approved
	held.decision == "require_approval"

	never := object.union(call("delete_task", "ExecutorAgent", {}), {"approval": approved.approval})
	denied := tool_calls.decision with input as never
	denied.decision == "deny"
}

test_deny_wins_over_require_approval if {
	says("create_task", "ReviewerAgent", {"title": "sensitive", "priority": "high"}, "deny", "agent_not_allowed")
}

test_all_reasons_are_given_in_the_order_of_their_rules if {
	answer := tool_calls.decision with input as call("create_task", "ReviewerAgent", {"description": 1})
	answer.rule == "agent_not_allowed"
	answer.reasons == [
		"the agent may not call this tool",
		"description: expected at most 10000 characters",
		"priority: expected high, medium or low",
		"title: expected 1 to 500 characters",
	]
}

test_only_the_executor_updates_and_lists if {
	every tool in ["update_task", "list_tasks"] {
		says(tool, "ExecutorAgent", {}, "allow", tool)
		says(tool, "PlannerAgent", {}, "deny", "agent_not_allowed")
		says(tool, "ReviewerAgent", {}, "deny", "agent_not_allowed")
	}
}

test_executor_and_reviewer_notify if {
	message := {"destination": "ops", "message": "The deck is ready"}
	says("notify_external_system", "ExecutorAgent", message, "allow", "notify_external_system")
	says("notify_external_system", "ReviewerAgent", message, "allow", "notify_external_system")
	says("notify_external_system", "PlannerAgent", message, "deny", "agent_not_allowed")
}

test_a_message_that_asks_to_delete_is_denied if {
	every message in ["delete", "Please DELETE all of it", "undeleted"] {
		says("notify_external_system", "ExecutorAgent", {"message": message}, "deny", "notify_asks_to_delete")
	}
}

test_a_message_is_text if {
	every parameters in [{}, {"message": null}, {"message": ""}, {"message": ["delete"]}, null] {
		says("notify_external_system", "ExecutorAgent", parameters, "deny", "notify_message")
	}
}

test_nobody_deletes_tasks if {
	every agent in agents {
		says("delete_task", agent, {"task_id": "task_1"}, "deny", "delete_task")
	}
}

test_unknown_tools_and_agents_are_denied if {
	every tool in ["drop_database", "", "CREATE_TASK", null, 1, ["create_task"]] {
		says(tool, "ExecutorAgent", task, "deny", "unknown_tool")
	}
	every agent in ["", "executoragent", null, 1] {
		says("create_task", agent, task, "deny", "agent_not_allowed")
	}
}

test_an_input_without_fields_is_denied if {
	every case in [{}, [], "text", null] {
		answer := tool_calls.decision with input as case
		answer.decision == "deny"
		answer.rule == "unknown_tool"
	}
}

test_a_call_that_no_rule_allows_is_denied_even_when_none_denies_it if {
	answer := tool_calls.decision with input as call("create_task", "ExecutorAgent", task)
		with tool_calls.allowed as false
	answer.decision == "deny"
	answer.rule == "no_rule_allows"
}

test_each_agent_is_offered_its_tools if {
	executor := tool_calls.offered with input as {"agent_type": "ExecutorAgent", "principal": {"id": "local"}}
	executor == ["create_task", "list_tasks", "notify_external_system", "update_task"]

	planner := tool_calls.offered with input as {"agent_type": "PlannerAgent"}
	planner == ["create_task"]

	reviewer := tool_calls.offered with input as {"agent_type": "ReviewerAgent"}
	reviewer == ["notify_external_system"]
}

test_offers_are_narrowed_to_the_tools_of_the_input if {
	some_tools := tool_calls.offered with input as {
		"agent_type": "ExecutorAgent",
		"tools": ["update_task", "delete_task", "create_task", "drop_database"],
	}
	some_tools == ["create_task", "update_task"]

	none := tool_calls.offered with input as {"agent_type": "ExecutorAgent", "tools": []}
	none == []
}

test_unknown_agents_are_offered_nothing if {
	every case in [{"agent_type": "Other"}, {}, null] {
		offered := tool_calls.offered with input as case
		offered == []
	}
}
