package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import java.util.LinkedHashMap;
import java.util.Map;

/** Whether the decision log is intact, as JSON. */
final class VerificationJson {
    private VerificationJson() {}

    static Map<String, Object> of(Progress progress) {
        var json = new LinkedHashMap<String, Object>();
        json.put("chains", progress.chains());
        json.put("rows", progress.rows());
        json.put("seals", progress.seals());
        return json;
    }

    @SuppressWarnings("NullAway") // JSON null: nothing is sealed
    static Map<String, Object> of(Verification verification) {
        var json = new LinkedHashMap<String, Object>();
        json.put("intact", verification.found() == 0);
        json.putAll(of(verification.checked()));
        var sealedTo = verification.sealedTo();
        json.put("sealed_to", sealedTo == null ? null : sealedTo.toString());
        json.put("copies", verification.copies());
        json.put("copies_unread", verification.unread());
        json.put("found", verification.found());
        json.put(
                "broken",
                verification.broken().stream()
                        .map(finding -> Map.of("check", finding.check().word(), "what", finding.what()))
                        .toList());
        return json;
    }
}
