import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Writes what Java answers beside each question of a table, on standard output:
 *
 * <pre>java Answers.java &lt; answers_of_java.txt</pre>
 *
 * A question is a way to use a pattern, the pattern and a text, with tabs between them; what stands
 * behind a third tab is an old answer. Empty lines and those that begin with # stay as they are.
 */
public final class Answers {
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.isEmpty() || line.startsWith("#")) {
                out.println(line);
                continue;
            }
            String[] question = line.split("\t", -1);
            String answer = answer(question[0], unescape(question[1]), unescape(question[2]));
            out.println(question[0] + "\t" + question[1] + "\t" + question[2] + "\t" + answer);
        }
        out.flush();
    }

    private static String answer(String use, String regex, String text) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(regex, use.equals("footer") ? Pattern.MULTILINE : 0);
        } catch (PatternSyntaxException error) {
            return "rejected";
        } catch (RuntimeException | StackOverflowError error) {
            return "fault";
        }
        try {
            switch (use) {
                case "matches":
                    return groups(pattern.matcher(text));
                case "start":
                    return pattern.matcher(text).lookingAt() ? "yes" : "no";
                case "footer":
                    return pattern.matcher(text.trim()).matches() ? "yes" : "no";
                case "split":
                    StringBuilder columns = new StringBuilder();
                    for (String column : text.split(regex)) {
                        columns.append('[').append(escape(column)).append(']');
                    }
                    return columns.toString();
                default:
                    throw new IllegalArgumentException(use);
            }
        } catch (StackOverflowError error) {
            return "overflow";
        }
    }

    private static String groups(Matcher matcher) {
        if (!matcher.matches()) {
            return "no";
        }
        StringBuilder groups = new StringBuilder("yes ");
        for (int group = 1; group <= matcher.groupCount(); group++) {
            String held = matcher.group(group);
            groups.append(held == null ? "~" : "[" + escape(held) + "]");
        }
        return groups.toString();
    }

    private static String escape(String text) {
        StringBuilder escaped = new StringBuilder();
        text.codePoints().forEach(code -> {
            if (code == '\\' || code < ' ' || code > '~' || code == '[' || code == ']') {
                escaped.append(String.format("\\u{%X}", code));
            } else {
                escaped.appendCodePoint(code);
            }
        });
        return escaped.toString();
    }

    /** Only what stands in braces is an escape: a pattern is full of other backslashes. */
    private static String unescape(String escaped) {
        Matcher matcher = Pattern.compile("\\\\u\\{([0-9A-F]+)\\}").matcher(escaped);
        StringBuilder text = new StringBuilder();
        while (matcher.find()) {
            int code = Integer.parseInt(matcher.group(1), 16);
            matcher.appendReplacement(text, "");
            text.appendCodePoint(code);
        }
        return matcher.appendTail(text).toString();
    }
}
