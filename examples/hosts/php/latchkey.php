<?php
declare(strict_types=1);

/** Latchkey refused, or did not answer. `$id` is what programs branch on; the message is for your log. */
final class LatchkeyError extends RuntimeException
{
    /**
     * @param string $requestId under which Latchkey's log and record have the request; empty if it never got there
     * @param int $retryAfter seconds after which another try makes sense; 0 if none does
     */
    public function __construct(
        public readonly string $id,
        string $message,
        public readonly string $requestId,
        public readonly int $retryAfter,
    ) {
        parent::__construct($message);
    }
}

/** Speaks to Latchkey as a service account. */
final class Latchkey
{
    // Seconds. Somebody waits for the page.
    private const CONNECT_TIMEOUT = 3;
    private const TIMEOUT = 10;
    private const LONGEST_WAIT = 3;
    private const ATTEMPTS = 2;

    /** @param string $cache a file for the access token, which no other user of the machine can write */
    public function __construct(
        private readonly string $url,
        private readonly string $account,
        private readonly string $keyId,
        private readonly string $privateKey,
        private readonly string $cache,
    ) {
    }

    /**
     * The address to forward the browser of a user to. It works once, and for two minutes: ask when the user follows the link.
     *
     * @param string $user an ID, an e-mail address, or an ID of the host such as LMS$4711
     */
    public function letIn(string $user, string $returnTo = ''): string
    {
        // The user of the host must be the one who is signed in there, even if somebody else was before.
        $target = ['resource' => "$this->url/login", 'session' => 'switch'];
        if ($returnTo !== '') $target['returnTo'] = $returnTo;
        return $this->grant($user, $target)['url'];
    }

    /** What GET answers for a path such as /api/2.1.1/user/LMS/4711. */
    public function get(string $path): array
    {
        $call = fn (): array => $this->send($this->url . $path, fn (): array => [
            CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . $this->accessToken()],
        ]);
        try {
            return $call();
        } catch (LatchkeyError $error) {
            if ($error->id !== 'not_authenticated') throw $error;
            // The token that was kept has been revoked.
            @unlink($this->cache);
            return $call();
        }
    }

    /** A token of the service account itself, kept in a file until a minute before it ends. */
    private function accessToken(): string
    {
        $kept = is_file($this->cache) ? json_decode((string) file_get_contents($this->cache), true) : null;
        if (is_array($kept) && $kept['ends'] > time()) return $kept['token'];
        $answer = $this->grant($this->account);
        $kept = ['token' => $answer['access_token'], 'ends' => time() + $answer['expires_in'] - 60];
        // tempnam makes a file that only its owner can read, and rename shows others the whole file or none.
        $file = tempnam(dirname($this->cache), 'latchkey');
        file_put_contents($file, json_encode($kept));
        rename($file, $this->cache);
        return $kept['token'];
    }

    /** The JWT bearer grant (RFC 7523). Each attempt has an assertion of its own, because one works once. */
    private function grant(string $subject, array $fields = []): array
    {
        return $this->send("$this->url/oauth/token", fn (): array => [
            CURLOPT_POSTFIELDS => http_build_query($fields + [
                'grant_type' => 'urn:ietf:params:oauth:grant-type:jwt-bearer',
                'assertion' => $this->assertion($subject),
            ]),
        ]);
    }

    private function assertion(string $subject): string
    {
        $now = time();
        $parts = [
            ['alg' => 'RS256', 'kid' => $this->keyId],
            ['iss' => $this->account, 'sub' => $subject, 'aud' => "$this->url/oauth/token",
                'iat' => $now, 'exp' => $now + 300, 'jti' => bin2hex(random_bytes(16))],
        ];
        $signed = implode('.', array_map(fn ($part) => self::base64url(json_encode($part, JSON_THROW_ON_ERROR)), $parts));
        if (!openssl_sign($signed, $signature, $this->privateKey, OPENSSL_ALGO_SHA256))
            throw new LogicException('The private key can not be read.');
        return $signed . '.' . self::base64url($signature);
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }

    /** @param callable(): array $options what one attempt sends */
    private function send(string $url, callable $options): array
    {
        for ($attempt = 1; ; $attempt++) {
            $requestId = '';
            $curl = curl_init($url);
            curl_setopt_array($curl, $options() + [
                CURLOPT_RETURNTRANSFER => true,
                CURLOPT_CONNECTTIMEOUT => self::CONNECT_TIMEOUT,
                CURLOPT_TIMEOUT => self::TIMEOUT,
                CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$requestId): int {
                    if (stripos($line, 'x-request-id:') === 0) $requestId = trim(substr($line, 13));
                    return strlen($line);
                },
            ]);
            $body = curl_exec($curl);
            if ($body === false) throw new LatchkeyError('no_answer', curl_error($curl), $requestId, 5);
            $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
            $answer = json_decode($body, true);
            if ($status === 200 && is_array($answer)) return $answer;

            $isBusy = $status === 429 || $status === 503;
            $wait = $isBusy ? max(1, curl_getinfo($curl, CURLINFO_RETRY_AFTER)) : 0;
            if (!$isBusy || $wait > self::LONGEST_WAIT || $attempt === self::ATTEMPTS)
                throw new LatchkeyError(
                    $answer['id'] ?? "http_$status",
                    $answer['description'] ?? "HTTP $status",
                    $requestId,
                    $wait,
                );
            sleep($wait);
        }
    }
}

function latchkey(): Latchkey
{
    $setting = fn (string $name): string => getenv($name) ?: throw new LogicException("Set $name.");
    return new Latchkey(
        $setting('LATCHKEY_URL'),
        $setting('LATCHKEY_ACCOUNT'),
        $setting('LATCHKEY_KEY_ID'),
        (string) file_get_contents($setting('LATCHKEY_KEY_FILE')),
        __DIR__ . '/latchkey-token.json',
    );
}
