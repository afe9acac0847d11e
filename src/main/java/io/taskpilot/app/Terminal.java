package io.taskpilot.app;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What the output can show.
 *
 * @param live a person watches: lines may be written over
 * @param unicode marks beyond ASCII
 * @param width in characters; 0 for no limit
 */
record Terminal(boolean live, boolean colour, boolean unicode, int width) {
    private static final int USUAL_WIDTH = 120;
    private static final Pattern SPACES = Pattern.compile("\\s+");
    private static final Pattern INVISIBLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}]");

    /** What text looks like; the value is the SGR code of ECMA-48. */
    enum Look {
        GREEN("32"),
        RED("31"),
        YELLOW("33"),
        CYAN("36"),
        DIM("2"),
        BOLD("1");

        private final String code;

        Look(String code) {
            this.code = code;
        }
    }

    static final Terminal PLAIN = new Terminal(false, false, true, 0);

    static Terminal detect(Map<String, String> environment) {
        var live = isTerminal(1) && !"dumb".equals(environment.get("TERM"));
        var colour = live && environment.getOrDefault("NO_COLOR", "").isEmpty();
        return new Terminal(live, colour, isUtf8(environment), live ? measured() : 0);
    }

    /** By the same variables, in the same order, as the C library. */
    static boolean isUtf8(Map<String, String> environment) {
        return Stream.of("LC_ALL", "LC_CTYPE", "LANG")
                .map(name -> environment.getOrDefault(name, ""))
                .filter(value -> !value.isEmpty())
                .findFirst()
                .map(value -> value.toLowerCase(Locale.ROOT).replace("-", "").contains("utf8"))
                .orElse(false);
    }

    /** {@code System.console} tells of input and output together only, and differently by version. */
    static boolean isTerminal(int descriptor) {
        var link = Path.of("/proc/self/fd/" + descriptor);
        try {
            var target = Files.readSymbolicLink(link).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException e) {
            return false; // no /proc, not Linux: plain text is right everywhere
        }
    }

    private static int measured() {
        try {
            var stty = new ProcessBuilder("stty", "size")
                    .redirectInput(Path.of("/dev/tty").toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            var answer = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
            stty.waitFor(1, TimeUnit.SECONDS);
            return answer.matches("[0-9]+ [1-9][0-9]{1,3}")
                    ? Integer.parseInt(answer.substring(answer.indexOf(' ') + 1))
                    : USUAL_WIDTH;
        } catch (IOException e) {
            return USUAL_WIDTH;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return USUAL_WIDTH;
        }
    }

    Terminal withoutColour() {
        return new Terminal(live, false, unicode, width);
    }

    String paint(Look look, String text) {
        return colour && !text.isEmpty() ? "\033[" + look.code + "m" + text + "\033[0m" : text;
    }

    /**
     * Text that came from elsewhere, made safe to print on one line: a model or a caller could else move the cursor,
     * change colours or reverse the direction of what a person is about to approve.
     */
    static String clean(String text) {
        return INVISIBLE.matcher(SPACES.matcher(text.strip()).replaceAll(" ")).replaceAll("\uFFFD");
    }

    /** The whole text, what would not show escaped as JSON does: for what a person answers for. */
    static String exact(String text) {
        var out = new StringBuilder();
        text.codePoints().forEach(point -> {
            if (INVISIBLE.matcher(Character.toString(point)).matches()) {
                Character.toString(point).chars().forEach(unit -> out.append("\\u%04x".formatted(unit)));
            } else {
                out.appendCodePoint(point);
            }
        });
        return out.toString();
    }

    /** Cut to {@code max} characters, the cut marked. */
    String cut(String text, int max) {
        if (text.length() <= max) {
            return text;
        }
        var end = max - 3;
        return end <= 0
                ? ""
                : text.substring(0, Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end) + "...";
    }
}
