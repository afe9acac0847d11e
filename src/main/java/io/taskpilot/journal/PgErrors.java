package io.taskpilot.journal;

import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.engine.Journal.TaskConflict;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.VertxException;
import io.vertx.pgclient.PgException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.util.concurrent.TimeoutException;

/** What an error of the database means for what was sent: the one place that reads SQLSTATE. */
final class PgErrors {
    private PgErrors() {}

    enum Meaning {
        /** A row of the statement cannot be stored (classes 22, 23, 54): the others can. */
        BAD_ROW,
        /** Lost a race for a lock or an order (40001, 40P01, 55P03): the same again may pass. */
        RACE,
        /** The database is not answering, or not for us, now: the same again later. */
        AWAY,
        /** Anything else; sending it again would give the same. */
        BUG
    }

    static Meaning meaning(Throwable error) {
        if (error instanceof PgException pg) {
            return ofState(pg.getSqlState() == null ? "" : pg.getSqlState());
        }
        var connection =
                error instanceof IOException || error instanceof VertxException || error instanceof TimeoutException;
        return connection ? Meaning.AWAY : Meaning.BUG;
    }

    private static Meaning ofState(String state) {
        var errorClass = state.length() < 2 ? state : state.substring(0, 2);
        return switch (errorClass) {
            case "22", "23", "54" -> Meaning.BAD_ROW;
            case "40" -> Meaning.RACE;
            case "55" -> "55P03".equals(state) ? Meaning.RACE : Meaning.AWAY; // else: it takes no connections, for now
            // 25: read only after a fail-over, or idle in a transaction; 26: a pooler forgot the prepared statement;
            // 28, 3D: in the middle of a rotation or a restore; 57: shutdown, start-up, statement_timeout
            case "08", "25", "26", "28", "3D", "53", "57", "58" -> Meaning.AWAY;
            default -> Meaning.BUG;
        };
    }

    /** True when a row, or a table, was somebody else's for all of lock_timeout. */
    static boolean isLockedOut(Throwable error) {
        return error instanceof PgException pg && "55P03".equals(pg.getSqlState());
    }

    /** True when what was sent may have been committed all the same. */
    static boolean outcomeUnknown(Throwable error) {
        if (error instanceof PgException pg) {
            return "57P01".equals(pg.getSqlState()) || "57P02".equals(pg.getSqlState());
        }
        return !(error instanceof ConnectException || error instanceof UnknownHostException);
    }

    /** For whoever asked: 503 while the database is away or busy, else an error of ours. */
    static Throwable translated(Throwable error) {
        if (error instanceof Failure || error instanceof LostRun || error instanceof TaskConflict) {
            return error;
        }
        return switch (meaning(error)) {
            case AWAY, RACE -> away(error);
            case BAD_ROW, BUG -> Failure.internal("internal-journal", error);
        };
    }

    static Failure away(Throwable cause) {
        return Failure.unavailable("overload-journal", "the database is not answering", cause);
    }

    static <T> Future<T> failed(Throwable error) {
        return Future.failedFuture(translated(error));
    }
}
