#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
// A host: a page with a link, and the address that sends the browser on to Latchkey. It needs the SDK of .NET 10 alone.

using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

// Change this: the user whom your host has signed in. Without one, show your own sign-in.
string SignedInUser(HttpContext context) => Environment.GetEnvironmentVariable("HOST_USER") ?? "anna@demo.example";

string Setting(string name) =>
    Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"Set {name}.");

var latchkey = new Latchkey(
    Setting("LATCHKEY_URL"),
    Setting("LATCHKEY_ACCOUNT"),
    Setting("LATCHKEY_KEY_ID"),
    File.ReadAllText(Setting("LATCHKEY_KEY_FILE")));
var app = WebApplication.CreateBuilder(args).Build();

IResult Page(int status, string html) => Results.Content(
    $"<!doctype html><html lang=\"en\"><title>Host</title>{html}\n", "text/html; charset=utf-8", Encoding.UTF8, status);

IResult Fail(HttpContext context, Refused refused)
{
    var reference = refused.RequestId == "" ? refused.Id : $"{refused.Id}, request {refused.RequestId}";
    app.Logger.LogWarning("Latchkey: {Reference}: {Message}", reference, refused.Message);
    var isBusy = refused.RetryAfter > 0;
    if (isBusy) context.Response.Headers.RetryAfter = refused.RetryAfter.ToString();
    var message = isBusy ? "The learning site is busy. Try again in a moment." : "The learning site does not let you in.";
    return Page(isBusy ? 503 : 403,
        $"<p>{message}</p><p><small>For the help desk: {WebUtility.HtmlEncode(reference)}</small></p>");
}

app.Use(async (HttpContext context, RequestDelegate next) =>
{
    // The address of a login signs in whoever has it: no cache keeps it, and no other site is told of it.
    context.Response.Headers.CacheControl = "no-store";
    context.Response.Headers["Referrer-Policy"] = "no-referrer";
    await next(context);
});
app.MapGet("/", (HttpContext context) => Page(200,
    $"<p>Signed in as {WebUtility.HtmlEncode(SignedInUser(context))}</p><p><a href=\"/open\">Open the learning site</a></p>"));
app.MapGet("/open", async (HttpContext context) =>
{
    try
    {
        // Latchkey adds return_to when it sends a browser here from a protected site, and checks it.
        var url = await latchkey.LetIn(SignedInUser(context), context.Request.Query["return_to"].ToString());
        context.Response.Headers.Location = url;
        return Results.StatusCode(303);
    }
    catch (Refused refused)
    {
        return Fail(context, refused);
    }
});
app.MapFallback(() => Page(404, "<p>There is no such page.</p>"));
app.Run($"http://localhost:{Environment.GetEnvironmentVariable("PORT") ?? "4001"}");

/// <summary>Latchkey refused, or did not answer. Programs branch on the ID; the message is for your log.</summary>
sealed class Refused(string id, string message, string requestId, int retryAfter) : Exception(message)
{
    public string Id { get; } = id;
    /// <summary>Under which Latchkey's log and record have the request; empty if it never got there.</summary>
    public string RequestId { get; } = requestId;
    /// <summary>Seconds after which another try makes sense; 0 if none does.</summary>
    public int RetryAfter { get; } = retryAfter;
}

/// <summary>Speaks to Latchkey as a service account.</summary>
sealed class Latchkey(string url, string account, string keyId, string privateKey)
{
    // Somebody waits for the page.
    private const int LongestWaitSeconds = 3;
    private const int Attempts = 2;
    private readonly HttpClient http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(3) })
    {
        Timeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>The address to forward the browser of a user to. It works once, and for two minutes: ask when the user
    /// follows the link. The user is an ID, an e-mail address, or an ID of the host such as LMS$4711.</summary>
    public async Task<string> LetIn(string user, string returnTo)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await Grant(user, returnTo);
            }
            catch (Refused refused) when (refused.RetryAfter is > 0 and <= LongestWaitSeconds && attempt < Attempts)
            {
                await Task.Delay(TimeSpan.FromSeconds(refused.RetryAfter));
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException or JsonException)
            {
                throw new Refused("no_answer", error.Message, "", 5);
            }
        }
    }

    /// <summary>The JWT bearer grant (RFC 7523). Each attempt has an assertion of its own, because one works once.</summary>
    private async Task<string> Grant(string user, string returnTo)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ["resource"] = $"{url}/login",
            ["assertion"] = Assertion(user),
            // The user of the host must be the one who is signed in there, even if somebody else was before.
            ["session"] = "switch",
        };
        if (returnTo != "") form["returnTo"] = returnTo;
        using var response = await http.PostAsync($"{url}/oauth/token", new FormUrlEncodedContent(form));
        var body = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode) throw RefusedBy(response, body);
        return (string?)JsonNode.Parse(body)?["url"] ?? throw new JsonException("The answer has no url.");
    }

    private string Assertion(string user)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = keyId };
        var claims = new JsonObject
        {
            ["iss"] = account, ["sub"] = user, ["aud"] = $"{url}/oauth/token",
            ["iat"] = now, ["exp"] = now + 300, ["jti"] = Guid.NewGuid().ToString(),
        };
        var signed = $"{Encoded(header)}.{Encoded(claims)}";
        using var key = RSA.Create();
        key.ImportFromPem(privateKey);
        var signature = key.SignData(Encoding.UTF8.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encoded(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));

    private static Refused RefusedBy(HttpResponseMessage response, string body)
    {
        var status = (int)response.StatusCode;
        JsonNode? answer = null;
        try
        {
            answer = JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            // A proxy answers with a page of its own.
        }
        var seconds = status is 429 or 503 ? Math.Max(1, (int)(response.Headers.RetryAfter?.Delta?.TotalSeconds ?? 1)) : 0;
        var requestId = response.Headers.TryGetValues("X-Request-Id", out var ids) ? ids.First() : "";
        return new Refused((string?)answer?["id"] ?? $"http_{status}",
            (string?)answer?["description"] ?? $"HTTP {status}", requestId, seconds);
    }
}
