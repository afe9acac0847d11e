package io.taskpilot.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.chaos.EffectReceiver.Effect;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/** What must hold once everything is quiet, by what watchers saw, what the receiver got and what the database has. */
final class Invariants {
    private static final String TERMINAL = "run\\.(succeeded|rejected|blocked|failed|timed_out|cancelled)";

    private static final String ALLOWED = """
            with w as (select ?::uuid as run, ? as key)
            select (select count(*) from events e where e.run_id = w.run and e.type = 'tool.started'
                and e.data ->> 'key' = w.key),
              (select count(*) from decisions d where d.chain_id = w.run and d.tool = 'notify_external_system'
                and d.decision_type = 'tool_call' and d.result = 'allow')
            from w
            """;

    private final Cluster cluster;
    private final Map<String, List<Sighting>> sightings;
    private final Map<String, List<String>> runToViolations = new TreeMap<>();
    private final List<String> general = new ArrayList<>();
    private long events;
    private long lost;
    private long doubled;

    Invariants(Cluster cluster, Map<String, List<Sighting>> sightings) {
        this.cluster = cluster;
        this.sightings = sightings;
    }

    void check() throws SQLException, IOException {
        try (var connection = cluster.postgres().connect()) {
            for (var entry : sightings.entrySet()) {
                check(connection, entry.getKey(), entry.getValue());
            }
            checkTasks(connection);
            checkRuns(connection);
            checkAllowed(connection);
            checkOwners(connection);
        }
        checkEffects();
        var verified = Http.get(cluster.somewhere("/v1/decisions/verify")).json();
        if (!verified.path("intact").asBoolean()) {
            general.add("the decision log is broken: " + verified);
        }
    }

    private void check(Connection connection, String runId, List<Sighting> seen) throws SQLException {
        var journal = journal(connection, runId);
        events += journal.size();
        var types = new ArrayList<>(journal.values());
        var ends = types.stream().filter(type -> type.matches(TERMINAL)).count();
        if (ends == 0) {
            lost++;
            wrong(runId, "accepted, and did not end");
        } else if (ends > 1 || !types.get(types.size() - 1).matches(TERMINAL)) {
            wrong(runId, "ended %d times, or went on after its end".formatted(ends));
        }
        if (!List.copyOf(journal.keySet()).equals(upTo(journal.size()))) {
            wrong(runId, "the journal has gaps: " + journal.keySet());
        }
        var whole = seen.get(0).events();
        for (var sighting : seen) {
            sighting.violations().forEach(violation -> wrong(runId, violation));
            if (!types(sighting.events()).equals(types)) {
                wrong(runId, "%s watcher saw %s".formatted(sighting.how(), types(sighting.events())));
            } else if (!sighting.events().equals(whole)) {
                wrong(runId, "two watchers saw different events");
            }
        }
    }

    private static List<String> types(List<JsonNode> events) {
        return events.stream().map(event -> event.path("type").asText()).toList();
    }

    private static List<Long> upTo(int last) {
        var all = new ArrayList<Long>();
        for (var i = 1L; i <= last; i++) {
            all.add(i);
        }
        return all;
    }

    static Map<Long, String> journal(Connection connection, String runId) throws SQLException {
        var journal = new LinkedHashMap<Long, String>();
        try (var query = connection.prepareStatement("select seq, type from events where run_id = ? order by seq")) {
            query.setObject(1, uuid(runId));
            try (var rows = query.executeQuery()) {
                while (rows.next()) {
                    journal.put(rows.getLong(1), rows.getString(2));
                }
            }
        }
        return journal;
    }

    static UUID uuid(String runId) {
        return UUID.fromString(runId.replace("run_", ""));
    }

    private void checkTasks(Connection connection) throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "select run_id, count(*) from tasks group by run_id having count(*) > 1")) {
            while (rows.next()) {
                doubled++;
                wrong("run_" + rows.getString(1), "made %d tasks".formatted(rows.getLong(2)));
            }
        }
    }

    /** A submission that was repeated with its key is one run, and a refused one is none. */
    private void checkRuns(Connection connection) throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery("select id from runs")) {
            while (rows.next()) {
                var run = "run_" + rows.getString(1);
                if (!sightings.containsKey(run)) {
                    doubled++;
                    wrong(run, "is there, and nobody was told that it was accepted");
                }
            }
        }
    }

    /** Also of what came while nobody could look: its start and the decision that allows it are on record. */
    private void checkAllowed(Connection connection) throws SQLException {
        for (var effect : cluster.receiver().effects()) {
            try (var query = connection.prepareStatement(ALLOWED)) {
                query.setObject(1, effect.runId());
                query.setString(2, effect.webhookId());
                try (var row = query.executeQuery()) {
                    row.next();
                    if (row.getLong(1) == 0 || row.getLong(2) < row.getLong(1)) {
                        wrong(
                                "run_" + effect.runId(),
                                "effect without an allow: %s has %d starts, the run %d allows of its tool"
                                        .formatted(effect, row.getLong(1), row.getLong(2)));
                    }
                }
            }
        }
    }

    private void checkOwners(Connection connection) throws SQLException {
        try (var statement = connection.createStatement();
                var rows = statement.executeQuery(
                        "select id, owner, status from runs where owner is not null or status in ('queued', 'running')")) {
            while (rows.next()) {
                wrong(
                        "run_" + rows.getString(1),
                        "still %s with the owner %s".formatted(rows.getString(3), rows.getString(2)));
            }
        }
    }

    private void checkEffects() {
        cluster.receiver().violations().forEach(general::add);
        var byRun = cluster.receiver().effects().stream().collect(Collectors.groupingBy(Effect::runId));
        byRun.forEach((runId, effects) -> {
            var keys = effects.stream().map(Effect::webhookId).collect(Collectors.toSet());
            var once = effects.stream().filter(effect -> !effect.idempotent()).count();
            if (keys.size() > 1 || once > 1) {
                doubled++;
                wrong("run_" + runId, "had its effect %d times: %s".formatted(effects.size(), effects));
            }
        });
        Set<UUID> accepted = new HashSet<>();
        sightings.keySet().forEach(run -> accepted.add(uuid(run)));
        byRun.keySet().stream()
                .filter(run -> !accepted.contains(run))
                .forEach(run -> wrong("run_" + run, "had an effect, and nobody was told that it was accepted"));
    }

    private void wrong(String runId, String what) {
        runToViolations.computeIfAbsent(runId, unused -> new ArrayList<>()).add(what);
    }

    void add(List<String> violations) {
        general.addAll(violations);
    }

    boolean hold() {
        return general.isEmpty() && runToViolations.isEmpty();
    }

    long events() {
        return events;
    }

    long lost() {
        return lost;
    }

    long doubled() {
        return doubled;
    }

    List<String> general() {
        return List.copyOf(general);
    }

    Map<String, List<String>> byRun() {
        return Map.copyOf(runToViolations);
    }
}
