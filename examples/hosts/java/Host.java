import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Executors;

import static java.nio.charset.StandardCharsets.UTF_8;

final class Host {

    /** Change this: the user whom your host has signed in. Without one, show your own sign-in. */
    private static String signedInUser(HttpExchange exchange) {
        return Optional.ofNullable(System.getenv("HOST_USER")).orElse("anna@demo.example");
    }

    static Latchkey latchkey() throws Exception {
        return new Latchkey(setting("LATCHKEY_URL"), setting("LATCHKEY_ACCOUNT"), setting("LATCHKEY_KEY_ID"),
            Files.readString(Path.of(setting("LATCHKEY_KEY_FILE"))));
    }

    private static String setting(String name) {
        return Optional.ofNullable(System.getenv(name)).orElseThrow(() -> new IllegalStateException("Set " + name + "."));
    }

    public static void main(String[] arguments) throws Exception {
        Latchkey latchkey = latchkey();
        int port = Integer.parseInt(Optional.ofNullable(System.getenv("PORT")).orElse("4001"));
        HttpServer server = HttpServer.create(new InetSocketAddress("localhost", port), 0);
        server.createContext("/", exchange -> answer(latchkey, exchange));
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }

    private static void answer(Latchkey latchkey, HttpExchange exchange) throws IOException {
        // The address of a login signs in whoever has it: no cache keeps it, and no other site is told of it.
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        exchange.getResponseHeaders().set("Referrer-Policy", "no-referrer");
        try (exchange) {
            switch (exchange.getRequestURI().getPath()) {
                case "/" -> page(exchange, 200, "<p>Signed in as " + escaped(signedInUser(exchange))
                    + "</p><p><a href=\"/open\">Open the learning site</a></p>");
                case "/open" -> open(latchkey, exchange);
                default -> page(exchange, 404, "<p>There is no such page.</p>");
            }
        }
    }

    private static void open(Latchkey latchkey, HttpExchange exchange) throws IOException {
        String url;
        try {
            url = latchkey.letIn(signedInUser(exchange), returnTo(exchange));
        } catch (Latchkey.Refused refused) {
            fail(exchange, refused.retryAfter, refused.id, refused.requestId, refused.getMessage());
            return;
        } catch (IOException noAnswer) {
            fail(exchange, 5, "no_answer", "", noAnswer.toString());
            return;
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            return;
        }
        exchange.getResponseHeaders().set("Location", url);
        exchange.sendResponseHeaders(303, -1);
    }

    /** Latchkey adds return_to when it sends a browser here from a protected site, and checks it. */
    private static String returnTo(HttpExchange exchange) {
        String query = exchange.getRequestURI().getRawQuery();
        if (query == null || !query.startsWith("return_to=")) return "";
        return URLDecoder.decode(query.substring("return_to=".length()), UTF_8);
    }

    private static void fail(HttpExchange exchange, long retryAfter, String id, String requestId, String cause)
        throws IOException {
        String reference = requestId.isEmpty() ? id : id + ", request " + requestId;
        System.err.println("Latchkey: " + reference + ": " + cause);
        if (retryAfter > 0) exchange.getResponseHeaders().set("Retry-After", String.valueOf(retryAfter));
        String message = retryAfter > 0
            ? "The learning site is busy. Try again in a moment."
            : "The learning site does not let you in.";
        page(exchange, retryAfter > 0 ? 503 : 403,
            "<p>" + message + "</p><p><small>For the help desk: " + escaped(reference) + "</small></p>");
    }

    private static void page(HttpExchange exchange, int status, String html) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
        byte[] body = ("<!doctype html><html lang=\"en\"><title>Host</title>" + html + "\n").getBytes(UTF_8);
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace("\"", "&quot;");
    }
}
