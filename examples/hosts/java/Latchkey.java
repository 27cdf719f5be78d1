import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Speaks to Latchkey as a service account. Without an answer its methods throw another IOException than Refused. */
final class Latchkey {

    /** What Latchkey refused. Programs branch on the id; the message is for your log. */
    static final class Refused extends IOException {
        final String id;
        /** Under which Latchkey's log and record have the request; empty if it never got there. */
        final String requestId;
        /** Seconds after which another try makes sense; 0 if none does. */
        final long retryAfter;

        Refused(String id, String message, String requestId, long retryAfter) {
            super(message);
            this.id = id;
            this.requestId = requestId;
            this.retryAfter = retryAfter;
        }
    }

    private interface Attempt {
        HttpRequest.Builder begin() throws GeneralSecurityException;
    }

    // Somebody waits for the page.
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(3);
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final long LONGEST_WAIT_SECONDS = 3;
    private static final int ATTEMPTS = 2;

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(CONNECT_TIMEOUT).build();
    private final String url;
    private final String account;
    private final String keyId;
    private final PrivateKey key;
    private String token = "";
    private Instant tokenEnds = Instant.MIN;

    /** @param pem the private key, RSA in PKCS #8 as openssl genpkey writes it */
    Latchkey(String url, String account, String keyId, String pem) throws GeneralSecurityException {
        this.url = url;
        this.account = account;
        this.keyId = keyId;
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    /**
     * The address to forward the browser of a user to. It works once, and for two minutes: ask when the user follows the link.
     *
     * @param user an ID, an e-mail address, or an ID of the host such as LMS$4711
     * @param returnTo where the login ends, or an empty text
     */
    String letIn(String user, String returnTo) throws IOException, InterruptedException {
        // The user of the host must be the one who is signed in there, even if somebody else was before.
        String target = "&resource=" + encode(url + "/login") + "&session=switch";
        return required(grant(user, returnTo.isEmpty() ? target : target + "&returnTo=" + encode(returnTo)), "url");
    }

    /** What GET answers, as JSON, for a path such as /api/2.1.1/user/LMS/4711. */
    String get(String path) throws IOException, InterruptedException {
        String used = accessToken("");
        try {
            return get(path, used);
        } catch (Refused refused) {
            if (!refused.id.equals("not_authenticated")) throw refused;
            // The token that was kept has been revoked.
            return get(path, accessToken(used));
        }
    }

    private String get(String path, String bearer) throws IOException, InterruptedException {
        return send(() -> HttpRequest.newBuilder(URI.create(url + path)).header("Authorization", "Bearer " + bearer));
    }

    /** A token of the service account itself, kept until a minute before it ends. Calls at one time share one request. */
    private synchronized String accessToken(String refused) throws IOException, InterruptedException {
        if (token.equals(refused) || !Instant.now().isBefore(tokenEnds)) {
            String answer = grant(account, "");
            token = required(answer, "access_token");
            tokenEnds = Instant.now().plusSeconds(Long.parseLong(required(answer, "expires_in")) - 60);
        }
        return token;
    }

    /** The JWT bearer grant (RFC 7523). Each attempt has an assertion of its own, because one works once. */
    private String grant(String subject, String more) throws IOException, InterruptedException {
        String form = "grant_type=" + encode("urn:ietf:params:oauth:grant-type:jwt-bearer") + more + "&assertion=";
        return send(() -> HttpRequest.newBuilder(URI.create(url + "/oauth/token"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(form + assertion(subject))));
    }

    private String assertion(String subject) throws GeneralSecurityException {
        long now = Instant.now().getEpochSecond();
        String header = "{\"alg\":\"RS256\",\"kid\":%s}".formatted(json(keyId));
        String claims = "{\"iss\":%s,\"sub\":%s,\"aud\":%s,\"iat\":%d,\"exp\":%d,\"jti\":\"%s\"}".formatted(
            json(account), json(subject), json(url + "/oauth/token"), now, now + 300, UUID.randomUUID());
        String signed = base64url(header.getBytes(UTF_8)) + "." + base64url(claims.getBytes(UTF_8));
        Signature signature = Signature.getInstance("SHA256withRSA");
        signature.initSign(key);
        signature.update(signed.getBytes(UTF_8));
        return signed + "." + base64url(signature.sign());
    }

    private String send(Attempt next) throws IOException, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            HttpResponse<String> response;
            try {
                HttpRequest request = next.begin().timeout(TIMEOUT).build();
                response = http.send(request, HttpResponse.BodyHandlers.ofString());
            } catch (GeneralSecurityException cause) {
                throw new IllegalStateException("The private key can not sign.", cause);
            }
            int status = response.statusCode();
            if (status == 200) return response.body();

            boolean isBusy = status == 429 || status == 503;
            String seconds = response.headers().firstValue("Retry-After").orElse("");
            long wait = !isBusy ? 0 : seconds.matches("[1-9]\\d{0,5}") ? Long.parseLong(seconds) : 1;
            if (!isBusy || wait > LONGEST_WAIT_SECONDS || attempt == ATTEMPTS)
                throw new Refused(member(response.body(), "id").orElse("http_" + status),
                    member(response.body(), "description").orElse("HTTP " + status),
                    response.headers().firstValue("X-Request-Id").orElse(""), wait);
            Thread.sleep(wait * 1000);
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, UTF_8);
    }

    private static String base64url(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String json(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static String required(String json, String name) throws IOException {
        return member(json, name).orElseThrow(() -> new IOException("This is no answer of Latchkey."));
    }

    /** A member of a flat JSON object. A host that has a JSON library uses that. */
    private static Optional<String> member(String json, String name) {
        Matcher found = Pattern.compile('"' + name + "\":(?:\"([^\"]*)\"|(\\d+))").matcher(json);
        return found.find() ? Optional.ofNullable(found.group(1)).or(() -> Optional.of(found.group(2))) : Optional.empty();
    }
}
