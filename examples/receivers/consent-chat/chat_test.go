package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"twinconsent.io/examples/receivers/internal/signed"
	"twinconsent.io/examples/receivers/receiver"
)

// token is what makes the address of the chat's webhook a secret.
const token = "T0K3N"

// A scene is the program, before a chat that answers as it is told.
type scene struct {
	handler http.Handler
	answers int
	texts   []string
	log     bytes.Buffer
}

func start(t *testing.T) *scene {
	t.Helper()
	scene := &scene{answers: http.StatusOK}
	chats := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var posted map[string]string
		if err != nil || json.Unmarshal(body, &posted) != nil || len(posted) != 1 || request.URL.Path != "/"+token || request.Method != http.MethodPost {
			t.Errorf("%s %s: %s", request.Method, request.URL, body)
		}
		if scene.answers == http.StatusFound {
			answer.Header().Set("Location", "/elsewhere")
		} else if scene.answers/100 == 2 {
			scene.texts = append(scene.texts, posted["text"])
		}
		answer.WriteHeader(scene.answers)
	}))
	t.Cleanup(chats.Close)
	scene.handler = scene.handlerFor(t, chats.URL+"/"+token)
	t.Cleanup(func() {
		for _, secret := range []string{token, signed.Link} {
			if strings.Contains(scene.log.String(), secret) {
				t.Errorf("%s stands in the log: %s", secret, scene.log.String())
			}
		}
	})
	return scene
}

func (scene *scene) handlerFor(t *testing.T, address string) http.Handler {
	t.Helper()
	chat, err := newChat(address)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := receiver.NewVerifier(signed.Secret)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := receiver.OpenSeen("")
	if err != nil {
		t.Fatal(err)
	}
	return &receiver.Handler{Verifier: verifier, Seen: seen, Path: "/", Take: chat.take, Log: slog.New(slog.NewJSONHandler(&scene.log, nil))}
}

func (scene *scene) sends(t *testing.T, id, word string, change func(map[string]any), expected int) {
	t.Helper()
	answer := httptest.NewRecorder()
	scene.handler.ServeHTTP(answer, signed.Request(t, signed.Secret, id, time.Now(), signed.Event(t, id, word, change)))
	if answer.Code != expected {
		t.Errorf("%s is answered with %d, not %d: %s", id, answer.Code, expected, scene.log.String())
	}
}

func TestTheChatIsToldOnceAndWithoutTheLink(t *testing.T) {
	scene := start(t)
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	scene.sends(t, "u/2", "approved", func(data map[string]any) {
		data["conditions"] = map[string]any{"Permitted": map[string]any{"status": "True", "reason": "Approved"}}
		data["consentStatus"] = "<!channel> & approved"
	}, http.StatusNoContent)
	scene.sends(t, "u/3", "restored", func(data map[string]any) {
		delete(data, "conditions")
		delete(data, "consentStatus")
	}, http.StatusNoContent)
	expected := []string{
		"requested: consent studio/ada, avatar group g-1: the twin may not be used (AwaitingApproval); HeyGen's word: pending",
		"approved: consent studio/ada, avatar group g-1: the twin may be used (Approved); HeyGen's word: &lt;!channel&gt; &amp; approved",
		"restored: consent studio/ada, avatar group g-1: nobody knows whether the twin may be used",
	}
	if strings.Join(scene.texts, "\n") != strings.Join(expected, "\n") {
		t.Errorf("%q", scene.texts)
	}
}

func TestWhatTheChatDoesNotTakeComesAgain(t *testing.T) {
	scene := start(t)
	for _, scene.answers = range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusNotFound, http.StatusFound} {
		scene.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	}
	scene.answers = http.StatusOK
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	if len(scene.texts) != 1 {
		t.Errorf("%q", scene.texts)
	}
}

func TestTheLogSaysThatTheChatIsDownAndNotWhereItIs(t *testing.T) {
	scene := start(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	scene.handler = scene.handlerFor(t, gone.URL+"/"+token)
	scene.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	if !strings.Contains(scene.log.String(), "the chat is not reached: ") {
		t.Error(scene.log.String())
	}
}

func TestTheWebhooksAddressGoesOverNoOpenLine(t *testing.T) {
	for _, address := range []string{"", "hooks.example.com/x", "http://hooks.example.com/x", "ftp://127.0.0.1/x"} {
		if _, err := newChat(address); err == nil || (address != "" && strings.Contains(err.Error(), address)) {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"https://hooks.example.com/x", "http://127.0.0.1:1/x", "http://[::1]:1/x"} {
		if _, err := newChat(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}
