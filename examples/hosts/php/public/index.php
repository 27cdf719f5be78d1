<?php
declare(strict_types=1);
require __DIR__ . '/../latchkey.php';

/** Change this: the user whom your host has signed in, such as $_SESSION['email']. Without one, show your own sign-in. */
function signedInUser(): string
{
    return getenv('HOST_USER') ?: 'anna@demo.example';
}

function page(int $status, string $html): void
{
    http_response_code($status);
    header('Content-Type: text/html; charset=utf-8');
    echo '<!doctype html><html lang="en"><title>Host</title>', $html, "\n";
}

function open(string $returnTo): void
{
    try {
        header('Location: ' . latchkey()->letIn(signedInUser(), $returnTo), true, 303);
    } catch (LatchkeyError $error) {
        $reference = $error->requestId === '' ? $error->id : "$error->id, request $error->requestId";
        error_log("Latchkey: $reference: {$error->getMessage()}");
        $isBusy = $error->retryAfter > 0;
        if ($isBusy) header("Retry-After: $error->retryAfter");
        $message = $isBusy
            ? 'The learning site is busy. Try again in a moment.'
            : 'The learning site does not let you in.';
        $reference = htmlspecialchars($reference);
        page($isBusy ? 503 : 403, "<p>$message</p><p><small>For the help desk: $reference</small></p>");
    }
}

// The address of a login signs in whoever has it: no cache keeps it, and no other site is told of it.
header('Cache-Control: no-store');
header('Referrer-Policy: no-referrer');
// Latchkey adds return_to when it sends a browser here from a protected site, and checks it.
$returnTo = $_GET['return_to'] ?? '';
match (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    '/' => page(200, '<p>Signed in as ' . htmlspecialchars(signedInUser()) . '</p><p><a href="/open">Open the learning site</a></p>'),
    '/open' => open(is_string($returnTo) ? $returnTo : ''),
    default => page(404, '<p>There is no such page.</p>'),
};
