package receiver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twinconsent.io/examples/receivers/internal/signed"
)

// A scene is a handler, what it took, and what it logged.
type scene struct {
	*Handler
	taken []Event
	// answer is what taking an event comes to.
	answer error
	log    bytes.Buffer
}

func start(t *testing.T, secrets, seen string) *scene {
	t.Helper()
	verifier, err := NewVerifier(secrets)
	if err != nil {
		t.Fatal(err)
	}
	known, err := OpenSeen(seen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { known.Close() })
	scene := &scene{}
	scene.Handler = &Handler{Verifier: verifier, Seen: known, Path: "/", Log: slog.New(slog.NewJSONHandler(&scene.log, nil))}
	scene.Take = func(_ context.Context, event Event) error {
		if scene.answer == nil {
			scene.taken = append(scene.taken, event)
		}
		return scene.answer
	}
	return scene
}

func (scene *scene) sends(request *http.Request) int {
	answer := httptest.NewRecorder()
	scene.ServeHTTP(answer, request)
	return answer.Code
}

func (scene *scene) expect(t *testing.T, what string, request *http.Request, status int) {
	t.Helper()
	if got := scene.sends(request); got != status {
		t.Errorf("%s is answered with %d, not %d: %s", what, got, status, scene.log.String())
	}
}

func request(t *testing.T, id string) *http.Request {
	return signed.Request(t, signed.Secret, id, time.Now(), signed.Event(t, id, "requested", nil))
}

func TestASignedEventIsTakenAndReadWithoutItsLinkInTheLog(t *testing.T) {
	scene := start(t, signed.Secret, "")
	scene.expect(t, "an event", request(t, "u/1"), http.StatusNoContent)
	if len(scene.taken) != 1 {
		t.Fatalf("%d events were taken", len(scene.taken))
	}
	event := scene.taken[0]
	if event.ID != "u/1" || event.Word != "requested" || event.Data.Subject.Reference != "person-17" || event.Data.GroupID != "g-1" ||
		event.Data.Object.Name != "ada" || string(event.Data.URL) != signed.Link || event.Data.LinkExpirationTime.IsZero() {
		t.Errorf("it is read as %#v", event)
	}
	scene.Log.Info("a careless line", "event", event, "data", event.Data, "text", event.Data.URL.String())
	if strings.Contains(scene.log.String(), signed.Link) || !strings.Contains(scene.log.String(), "[redacted]") {
		t.Error("the link stands in the log: ", scene.log.String())
	}
}

func TestWhatTheOperatorHasNotSignedNowIsRefused(t *testing.T) {
	other := "whsec_" + strings.Repeat("AAAA", 8)
	body := signed.Event(t, "u/1", "requested", nil)
	change := func(change func(*http.Request)) *http.Request {
		request := request(t, "u/1")
		change(request)
		return request
	}
	for what, request := range map[string]*http.Request{
		"another secret":       signed.Request(t, other, "u/1", time.Now(), body),
		"an old timestamp":     signed.Request(t, signed.Secret, "u/1", time.Now().Add(-6*time.Minute), body),
		"a timestamp to come":  signed.Request(t, signed.Secret, "u/1", time.Now().Add(6*time.Minute), body),
		"another body":         change(func(r *http.Request) { r.Body = http.NoBody }),
		"another id":           change(func(r *http.Request) { r.Header.Set("webhook-id", "u/2") }),
		"another timestamp":    change(func(r *http.Request) { r.Header.Set("webhook-timestamp", "1700000000") }),
		"no signature":         change(func(r *http.Request) { r.Header.Del("webhook-signature") }),
		"an unknown signature": change(func(r *http.Request) { r.Header.Set("webhook-signature", "v2,"+r.Header.Get("webhook-signature")[3:]) }),
	} {
		scene := start(t, signed.Secret, "")
		scene.expect(t, what, request, http.StatusUnauthorized)
		if len(scene.taken) > 0 {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	event := func(word string) []byte { return signed.Event(t, "u/1", word, nil) }
	with := func(id string, body []byte) *http.Request {
		return signed.Request(t, signed.Secret, id, time.Now(), body)
	}
	asJSON := with("u/1", event("requested"))
	asJSON.Header.Set("Content-Type", "application/json")
	elsewhere := with("u/1", event("requested"))
	elsewhere.URL.Path = "/elsewhere"
	get := with("u/1", event("requested"))
	get.Method = http.MethodGet
	for what, expected := range map[string]struct {
		request *http.Request
		status  int
	}{
		"no JSON":               {with("u/1", []byte("{")), http.StatusBadRequest},
		"no event":              {with("u/1", []byte("{}")), http.StatusBadRequest},
		"the type of another":   {with("u/1", bytes.ReplaceAll(event("requested"), []byte("io.twinconsent."), []byte("io.example."))), http.StatusBadRequest},
		"another version":       {with("u/1", bytes.ReplaceAll(event("requested"), []byte(".v1"), []byte(".v2"))), http.StatusBadRequest},
		"the id of another":     {with("u/2", event("requested")), http.StatusBadRequest},
		"another content type":  {asJSON, http.StatusUnsupportedMediaType},
		"another path":          {elsewhere, http.StatusNotFound},
		"another method":        {get, http.StatusMethodNotAllowed},
		"what is far too large": {with("u/1", bytes.Repeat([]byte(" "), longest+1)), http.StatusRequestEntityTooLarge},
	} {
		scene := start(t, signed.Secret, "")
		scene.expect(t, what, expected.request, expected.status)
		if len(scene.taken) > 0 {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestAnEventIsTakenOnceAlsoAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seen")
	first := start(t, signed.Secret, file)
	first.expect(t, "an event", request(t, "u/1"), http.StatusNoContent)
	first.expect(t, "the same again", request(t, "u/1"), http.StatusNoContent)
	first.expect(t, "the next", request(t, "u/2"), http.StatusNoContent)
	if len(first.taken) != 2 {
		t.Errorf("%d events were taken, not 2", len(first.taken))
	}
	// A crash amid a line.
	half, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.WriteString("u/"); err != nil {
		t.Fatal(err)
	}
	half.Close()
	second := start(t, signed.Secret, file)
	second.expect(t, "one that was taken before the restart", request(t, "u/2"), http.StatusNoContent)
	second.expect(t, "a new one", request(t, "u/3"), http.StatusNoContent)
	third := start(t, signed.Secret, file)
	third.expect(t, "the last before the restart", request(t, "u/3"), http.StatusNoContent)
	if len(second.taken) != 1 || len(third.taken) != 0 {
		t.Errorf("%d and %d events were taken after restarts, not 1 and 0", len(second.taken), len(third.taken))
	}
}

func TestWhatWasNotTakenComesAgain(t *testing.T) {
	scene := start(t, signed.Secret, "")
	scene.answer = errors.New("the server is down")
	scene.expect(t, "an event that cannot be taken now", request(t, "u/1"), http.StatusServiceUnavailable)
	scene.answer = ErrNever
	scene.expect(t, "an event that can never be taken", request(t, "u/2"), http.StatusUnprocessableEntity)
	scene.answer = nil
	scene.expect(t, "the same when it can", request(t, "u/1"), http.StatusNoContent)
	if len(scene.taken) != 1 {
		t.Errorf("%d events were taken, not 1", len(scene.taken))
	}
}

func TestOneThatIsUnderWayIsNotTakenBesideItself(t *testing.T) {
	scene := start(t, signed.Secret, "")
	inside, goOn := make(chan struct{}), make(chan struct{})
	scene.Take = func(context.Context, Event) error {
		close(inside)
		<-goOn
		return nil
	}
	first := make(chan int)
	go func() { first <- scene.sends(request(t, "u/1")) }()
	<-inside
	scene.expect(t, "the same meanwhile", request(t, "u/1"), http.StatusServiceUnavailable)
	close(goOn)
	if status := <-first; status != http.StatusNoContent {
		t.Errorf("the first is answered with %d", status)
	}
	scene.expect(t, "the same afterwards", request(t, "u/1"), http.StatusNoContent)
}

func TestWhatWasBegunEndsAlsoWhenNobodyWaitsForIt(t *testing.T) {
	scene := start(t, signed.Secret, "")
	ctx, cancel := context.WithCancel(context.Background())
	scene.Take = func(taking context.Context, _ Event) error {
		cancel()
		return taking.Err()
	}
	scene.expect(t, "an event", request(t, "u/1").WithContext(ctx), http.StatusNoContent)
}

func TestASecretIsReplacedWhileBothAreKnown(t *testing.T) {
	other := "whsec_" + strings.Repeat("AAAA", 8)
	scene := start(t, other+" "+signed.Secret, "")
	scene.expect(t, "an event", request(t, "u/1"), http.StatusNoContent)
	for _, bad := range []string{"", " ", "whsec_", "whsec_QUJD", "whsec_!!!!", "QUJD", "whsec_" + strings.Repeat("QUJD", 22), signed.Secret + " QUJD"} {
		if _, err := NewVerifier(bad); err == nil || strings.Contains(err.Error(), "QUJD") || strings.Contains(err.Error(), "!!!!") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWhatIsRememberedHasABound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seen")
	seen, err := OpenSeen(file)
	if err != nil {
		t.Fatal(err)
	}
	for number := range 3 * remembered {
		seen.remember(strings.Repeat("a", number%3) + time.Unix(int64(number), 0).UTC().Format(time.RFC3339))
	}
	if len(seen.known) != remembered || len(seen.order) != remembered {
		t.Errorf("%d and %d are remembered", len(seen.known), len(seen.order))
	}
	seen.lines = 2 * remembered
	if err := seen.Take("u/1"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != remembered || !strings.HasSuffix(string(text), "\nu/1\n") || seen.lines != remembered {
		t.Errorf("%d lines stand in the file, %d are counted", lines, seen.lines)
	}
	if err := errors.Join(seen.Take("u/2"), seen.Close()); err != nil {
		t.Fatal(err)
	}
	again, err := OpenSeen(file)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Begin("u/2") != isTaken || again.Begin("u/1") != isTaken || again.Begin("u/3") != isNew {
		t.Error("the file does not remember")
	}
}

func TestEachVariableThatIsMissingIsNamed(t *testing.T) {
	environment := map[string]string{"LISTEN": "127.0.0.1:1"}
	settings, missing := read(append([]Variable{{Name: "A", IsRequired: true}, {Name: "B", Default: "b"}}, Common...), func(name string) string { return environment[name] })
	if got := strings.Join(missing, " "); got != "A SIGNING_SECRET" || settings["LISTEN"] != "127.0.0.1:1" || settings["B"] != "b" {
		t.Errorf("%v are missing of %v", missing, settings)
	}
	var text bytes.Buffer
	help(&text, "it", "It is a test.", Common)
	for _, variable := range Common {
		if !strings.Contains(text.String(), "\n  "+variable.Name) {
			t.Errorf("the help does not tell of %s: %s", variable.Name, text.String())
		}
	}
}
