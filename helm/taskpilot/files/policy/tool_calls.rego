# METADATA
# title: Tool calls
# description: |
#   Decides every tool call of a run, and which tools an agent is offered. Deny wins over require_approval,
#   which wins over allow; a call that no rule allows is denied. Only built-ins that a WebAssembly module has
#   natively are used: scripts/build-policy compiles this file, and the server refuses a module that needs more.
package taskpilot.tool_calls

# Moves with every change of a rule: it is in every decision on record.
revision := "2026-11-26.1"

# Who may answer when a call needs an approval, and for how many seconds.
approval := {"roles": ["approver"], "ttl_s": 3600}

# Every known tool and the agents that may call it. A tool without agents is one that nobody may call.
callers := {
	"create_task": {"PlannerAgent", "ExecutorAgent"},
	"delete_task": set(),
	"list_tasks": {"ExecutorAgent"},
	"notify_external_system": {"ExecutorAgent", "ReviewerAgent"},
	"update_task": {"ExecutorAgent"},
}

# METADATA
# title: The decision on one tool call
# entrypoint: true
decision := {
	"decision": verdict.decision,
	"reasons": verdict.reasons,
	"rule": verdict.rule,
	"revision": revision,
	"approval": approval,
}

# METADATA
# title: The names of the tools an agent is offered, sorted
# description: |
#   Parameters do not matter here. `input.tools`, when present, narrows the answer to the tools it names.
# entrypoint: true
offered := sort([tool |
	some tool, agents in callers
	input.agent_type in agents
	asked_for(tool)
])

asked_for(tool) if tool in input.tools

asked_for(_) if not narrowed

narrowed if "tools" in object.keys(input)

verdict := answer("deny", denied) if {
	count(denied) > 0
} else := answer("require_approval", held) if {
	count(held) > 0
} else := {"decision": "allow", "reasons": [], "rule": input.tool_name} if {
	allowed
} else := answer("deny", {"no_rule_allows": "no rule allows this call"})

# The names in order make the answer the same on every engine; the first one is the decision's rule.
answer(decision, found) := {
	"decision": decision,
	"reasons": [found[name] | some name in names],
	"rule": names[0],
} if {
	names := sort(object.keys(found))
}

# What is allowed is said in full here, so that a hole in the denials below denies instead of allowing.
allowed if {
	permitted
	valid
}

permitted if input.agent_type in callers[input.tool_name]

valid if input.tool_name in {"list_tasks", "update_task"}

valid if {
	input.tool_name == "create_task"
	valid_title
	valid_priority
	valid_description
}

valid if {
	input.tool_name == "notify_external_system"
	valid_message
	not asks_to_delete
}

denied["unknown_tool"] := "the tool is not known to the policy" if not known

denied["delete_task"] := "tasks are never deleted by an agent" if input.tool_name == "delete_task"

denied["agent_not_allowed"] := "the agent may not call this tool" if {
	count(callers[input.tool_name]) > 0
	not permitted
}

denied["create_task_title"] := "title: expected 1 to 500 characters" if {
	input.tool_name == "create_task"
	not valid_title
}

denied["create_task_priority"] := "priority: expected high, medium or low" if {
	input.tool_name == "create_task"
	not valid_priority
}

denied["create_task_description"] := "description: expected at most 10000 characters" if {
	input.tool_name == "create_task"
	not valid_description
}

denied["notify_message"] := "message: expected a text that is not empty" if {
	input.tool_name == "notify_external_system"
	not valid_message
}

denied["notify_asks_to_delete"] := "the message asks to delete" if {
	input.tool_name == "notify_external_system"
	asks_to_delete
}

held["create_task_sensitive"] := "a high priority task about something sensitive needs an approval" if {
	input.tool_name == "create_task"
	input.parameters.priority == "high"
	contains(lower(input.parameters.title), "sensitive")
}

known if callers[input.tool_name]

valid_title if text_within(input.parameters.title, 1, 500)

valid_priority if input.parameters.priority in {"high", "medium", "low"}

valid_description if not described

valid_description if text_within(input.parameters.description, 0, 10000)

# A strict function call, where every property is required, says "none" with null.
described if input.parameters.description != null

valid_message if {
	is_string(input.parameters.message)
	input.parameters.message != ""
}

asks_to_delete if contains(lower(input.parameters.message), "delete")

text_within(text, least, most) if {
	is_string(text)
	count(text) >= least
	count(text) <= most
}
