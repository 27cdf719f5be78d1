// A host: a page with a link, and the address that sends the browser on to Latchkey. It needs the standard library alone.
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// Somebody waits for the page.
const (
	timeout     = 10 * time.Second
	longestWait = 3 // seconds
	attempts    = 2
)

// Change this: the user whom your host has signed in. Without one, show your own sign-in.
func signedInUser(r *http.Request) string {
	if user := os.Getenv("HOST_USER"); user != "" {
		return user
	}
	return "anna@demo.example"
}

// Refused says that Latchkey refused, or did not answer. Programs branch on the ID; the description is for your log.
type Refused struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	RequestID   string `json:"-"` // under which Latchkey's log and record have the request; empty if it never got there
	RetryAfter  int    `json:"-"` // seconds after which another try makes sense; 0 if none does
}

func (r *Refused) Error() string { return r.ID + ": " + r.Description }

// Latchkey speaks to Latchkey as a service account.
type Latchkey struct {
	url, account, keyID string
	key                 *rsa.PrivateKey
	http                http.Client
}

// LetIn returns the address to forward the browser of a user to. It works once, and for two minutes: ask when the user
// follows the link. The user is an ID, an e-mail address, or an ID of the host such as LMS$4711.
func (l *Latchkey) LetIn(user, returnTo string) (string, error) {
	for attempt := 1; ; attempt++ {
		address, err := l.grant(user, returnTo)
		var refused *Refused
		if !errors.As(err, &refused) || refused.RetryAfter == 0 || refused.RetryAfter > longestWait || attempt == attempts {
			return address, err
		}
		time.Sleep(time.Duration(refused.RetryAfter) * time.Second)
	}
}

// grant is the JWT bearer grant (RFC 7523). Each attempt has an assertion of its own, because one works once.
func (l *Latchkey) grant(user, returnTo string) (string, error) {
	assertion, err := l.assertion(user)
	if err != nil {
		return "", err
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"resource":   {l.url + "/login"},
		"assertion":  {assertion},
		// The user of the host must be the one who is signed in there, even if somebody else was before.
		"session": {"switch"},
	}
	if returnTo != "" {
		form.Set("returnTo", returnTo)
	}
	response, err := l.http.PostForm(l.url+"/oauth/token", form)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", refusedBy(response)
	}
	var answer struct{ URL string }
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.URL, err
}

func (l *Latchkey) assertion(user string) (string, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	now := time.Now().Unix()
	header, _ := json.Marshal(map[string]any{"alg": "RS256", "kid": l.keyID})
	claims, _ := json.Marshal(map[string]any{"iss": l.account, "sub": user, "aud": l.url + "/oauth/token",
		"iat": now, "exp": now + 300, "jti": hex.EncodeToString(id)})
	base64url := base64.RawURLEncoding.EncodeToString
	signed := base64url(header) + "." + base64url(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, l.key, crypto.SHA256, digest[:])
	return signed + "." + base64url(signature), err
}

func refusedBy(response *http.Response) *Refused {
	refused := &Refused{RequestID: response.Header.Get("X-Request-Id")}
	// A proxy answers with a page of its own.
	if json.NewDecoder(response.Body).Decode(refused) != nil || refused.ID == "" {
		refused.ID, refused.Description = fmt.Sprintf("http_%d", response.StatusCode), response.Status
	}
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable {
		refused.RetryAfter, _ = strconv.Atoi(response.Header.Get("Retry-After"))
		if refused.RetryAfter < 1 {
			refused.RetryAfter = 1
		}
	}
	return refused
}

func open(l *Latchkey, w http.ResponseWriter, r *http.Request) {
	// Latchkey adds return_to when it sends a browser here from a protected site, and checks it.
	address, err := l.LetIn(signedInUser(r), r.URL.Query().Get("return_to"))
	if err == nil {
		w.Header().Set("Location", address)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	var refused *Refused
	if !errors.As(err, &refused) {
		refused = &Refused{ID: "no_answer", Description: err.Error(), RetryAfter: 5}
	}
	reference := refused.ID
	if refused.RequestID != "" {
		reference += ", request " + refused.RequestID
	}
	log.Printf("Latchkey: %s: %s", reference, refused.Description)
	status, message := http.StatusForbidden, "The learning site does not let you in."
	if refused.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refused.RetryAfter))
		status, message = http.StatusServiceUnavailable, "The learning site is busy. Try again in a moment."
	}
	page(w, status, "<p>"+message+"</p><p><small>For the help desk: "+html.EscapeString(reference)+"</small></p>")
}

func page(w http.ResponseWriter, status int, content string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>Host</title>%s\n", content)
}

func setting(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("Set %s.", name)
	}
	return value
}

func privateKey(file string) *rsa.PrivateKey {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*rsa.PrivateKey); ok {
				return key
			}
		}
	}
	log.Fatalf("%s must be an RSA key in PKCS #8, as openssl genpkey writes it.", file)
	return nil
}

func main() {
	l := &Latchkey{setting("LATCHKEY_URL"), setting("LATCHKEY_ACCOUNT"), setting("LATCHKEY_KEY_ID"),
		privateKey(setting("LATCHKEY_KEY_FILE")), http.Client{Timeout: timeout}}
	port := os.Getenv("PORT")
	if port == "" {
		port = "4001"
	}
	log.Fatal(http.ListenAndServe("localhost:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The address of a login signs in whoever has it: no cache keeps it, and no other site is told of it.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		switch r.URL.Path {
		case "/":
			page(w, http.StatusOK, "<p>Signed in as "+html.EscapeString(signedInUser(r))+
				"</p><p><a href=\"/open\">Open the learning site</a></p>")
		case "/open":
			open(l, w, r)
		default:
			page(w, http.StatusNotFound, "<p>There is no such page.</p>")
		}
	})))
}
