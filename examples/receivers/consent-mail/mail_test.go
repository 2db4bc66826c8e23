package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"

	"twinconsent.io/examples/receivers/internal/inbox"
	"twinconsent.io/examples/receivers/internal/signed"
	"twinconsent.io/examples/receivers/receiver"
)

type mailed = inbox.Mail

// A scene is the program, before a mail server.
type scene struct {
	handler http.Handler
	mails   chan mailed
	// refusal is what the mail server says instead of taking a mail.
	refusal error
	mailer  *mailer
	log     bytes.Buffer
	folder  string
}

// start starts a mail server, if none is given, and the program.
func start(t *testing.T, config *tls.Config, besides receiver.Settings) *scene {
	t.Helper()
	scene := &scene{mails: make(chan mailed, 100), folder: t.TempDir()}
	server, err := inbox.Start("127.0.0.1:0", config, scene.deliver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	settings := receiver.Settings{
		"ADDRESSES_FILE": scene.write(t, "addresses", "# who they are\nperson-16 bob@example.org\n\nperson-17   Ada <ada@example.org>\n"),
		"SMTP_ADDRESS":   server.Address,
		"SMTP_TLS":       "offered",
		"MAIL_FROM":      "Studio <consent@example.com>",
		"MAIL_SUBJECT":   "Your consent is asked for",
	}
	for name, value := range besides {
		settings[name] = value
	}
	log := slog.New(slog.NewJSONHandler(&scene.log, nil))
	scene.mailer, err = newMailer(settings, log)
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
	scene.handler = &receiver.Handler{Verifier: verifier, Seen: seen, Path: "/", Take: scene.mailer.take, Log: log}
	t.Cleanup(func() {
		for _, secret := range []string{signed.Link, "ada@example.org", "bob@example.org"} {
			if strings.Contains(scene.log.String(), secret) {
				t.Errorf("%s stands in the log: %s", secret, scene.log.String())
			}
		}
	})
	return scene
}

func (scene *scene) deliver(mail mailed) error {
	if scene.refusal == nil {
		scene.mails <- mail
	}
	return scene.refusal
}

func (scene *scene) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(scene.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (scene *scene) sends(t *testing.T, id, word string, change func(map[string]any), expected int) {
	t.Helper()
	answer := httptest.NewRecorder()
	scene.handler.ServeHTTP(answer, signed.Request(t, signed.Secret, id, time.Now(), signed.Event(t, id, word, change)))
	if answer.Code != expected {
		t.Errorf("%s is answered with %d, not %d: %s", id, answer.Code, expected, scene.log.String())
	}
}

// mail is the only mail that came: a mail is there before the event is answered.
func (scene *scene) mail(t *testing.T) (mailed, string) {
	t.Helper()
	if len(scene.mails) != 1 {
		t.Fatalf("%d mails came, not 1: %s", len(scene.mails), scene.log.String())
	}
	came := <-scene.mails
	_, text, err := came.Read()
	if err != nil {
		t.Fatal(err)
	}
	return came, text
}

func (scene *scene) noMail(t *testing.T) {
	t.Helper()
	if len(scene.mails) > 0 {
		t.Errorf("%d mails came", len(scene.mails))
	}
}

func TestALinkIsMailedOnceToItsPerson(t *testing.T) {
	scene := start(t, nil, nil)
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	scene.sends(t, "u/1", "requested", func(data map[string]any) { data["resent"] = true }, http.StatusNoContent)
	mail, text := scene.mail(t)
	if mail.To != "ada@example.org" || !strings.Contains(text, "\n"+signed.Link+"\n") || !strings.Contains(text, "\nIt works until ") {
		t.Errorf("%s got %s", mail.To, text)
	}
	for _, header := range []string{"From: \"Studio\" <consent@example.com>", "Subject: Your consent is asked for", "Auto-Submitted: auto-generated", "Message-ID: <", "Date: "} {
		if !strings.Contains(string(mail.Text), "\r\n"+header) && !strings.HasPrefix(string(mail.Text), header) {
			t.Errorf("there is no %s in %s", header, mail.Text)
		}
	}
	scene.sends(t, "u/2", "renewed", func(data map[string]any) { data["subject"] = map[string]any{"reference": "person-16"} }, http.StatusNoContent)
	if mail, _ := scene.mail(t); mail.To != "bob@example.org" {
		t.Errorf("%s got it", mail.To)
	}
}

func TestAnEventThatIsResentAfterItWasLostIsMailed(t *testing.T) {
	scene := start(t, nil, nil)
	scene.sends(t, "u/1", "requested", func(data map[string]any) { data["resent"] = true }, http.StatusNoContent)
	scene.mail(t)
}

func TestNothingIsMailedOfAnythingElse(t *testing.T) {
	scene := start(t, nil, nil)
	scene.sends(t, "u/1", "approved", nil, http.StatusNoContent)
	scene.sends(t, "u/2", "requested", func(data map[string]any) { delete(data, "url") }, http.StatusNoContent)
	scene.sends(t, "u/3", "requested", func(data map[string]any) { data["linkExpirationTime"] = "2026-01-01T00:00:00Z" }, http.StatusNoContent)
	scene.sends(t, "u/4", "requested", func(data map[string]any) { delete(data, "subject") }, http.StatusUnprocessableEntity)
	bad := signed.Request(t, "whsec_"+strings.Repeat("AAAA", 8), "u/5", time.Now(), signed.Event(t, "u/5", "requested", nil))
	old := signed.Request(t, signed.Secret, "u/6", time.Now().Add(-time.Hour), signed.Event(t, "u/6", "requested", nil))
	for _, request := range []*http.Request{bad, old} {
		answer := httptest.NewRecorder()
		if scene.handler.ServeHTTP(answer, request); answer.Code != http.StatusUnauthorized {
			t.Errorf("it is answered with %d", answer.Code)
		}
	}
	scene.noMail(t)
}

func TestAPersonWithoutAnAddressWaitsForOne(t *testing.T) {
	scene := start(t, nil, nil)
	another := func(data map[string]any) { data["subject"] = map[string]any{"reference": "person-18"} }
	scene.sends(t, "u/1", "requested", another, http.StatusServiceUnavailable)
	scene.write(t, "addresses", "person-18 cleo@example.org\nperson-18 other@example.org\n")
	scene.sends(t, "u/1", "requested", another, http.StatusServiceUnavailable)
	scene.write(t, "addresses", "person-18\n")
	scene.sends(t, "u/1", "requested", another, http.StatusServiceUnavailable)
	scene.noMail(t)
	for _, said := range []string{"no line for the reference", "lines 1 and 2", "line 1 of the addresses is not"} {
		if !strings.Contains(scene.log.String(), said) {
			t.Errorf("%q is not in the log: %s", said, scene.log.String())
		}
	}
	scene.write(t, "addresses", "person-18 cleo@example.org\n")
	scene.sends(t, "u/1", "requested", another, http.StatusNoContent)
	scene.mail(t)
}

func TestAMailThatTheServerDoesNotTakeComesAgain(t *testing.T) {
	// A port at which nothing listens: it was somebody's a moment ago.
	server, err := inbox.Start("127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	scene := start(t, nil, receiver.Settings{"SMTP_ADDRESS": server.Address})
	scene.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	server, err = inbox.Start(server.Address, nil, scene.deliver)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	// A server that quotes what it does not take.
	scene.refusal = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no " + signed.Link + " for ada@example.org"}
	scene.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	if !strings.Contains(scene.log.String(), "code 550 5.7.1") {
		t.Error(scene.log.String())
	}
	scene.refusal = nil
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	scene.mail(t)
}

func TestStarttlsIsUsedWhereItIsOffered(t *testing.T) {
	// httptest has a certificate for 127.0.0.1.
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	config := &tls.Config{Certificates: server.TLS.Certificates}

	scene := start(t, config, nil)
	trust := gomail.WithTLSConfig(&tls.Config{ServerName: "127.0.0.1", RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err := trust(scene.mailer.client); err != nil {
		t.Fatal(err)
	}
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	if mail, _ := scene.mail(t); !mail.IsEncrypted {
		t.Error("STARTTLS was not used")
	}

	stranger := start(t, config, nil)
	stranger.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	stranger.noMail(t)

	plain := start(t, nil, receiver.Settings{"SMTP_TLS": "required"})
	plain.sends(t, "u/1", "requested", nil, http.StatusServiceUnavailable)
	plain.noMail(t)
}

func TestATextOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("Grüezi {{.Reference}}: {{.URL}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	scene := start(t, nil, receiver.Settings{"MAIL_TEXT_FILE": path})
	scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	if _, text := scene.mail(t); !strings.Contains(text, "Grüezi person-17: "+signed.Link) {
		t.Error(text)
	}
}

func TestSettingsThatCannotBeUsedEndTheProgram(t *testing.T) {
	folder := t.TempDir()
	addresses := filepath.Join(folder, "addresses")
	if err := os.WriteFile(addresses, []byte("person-17 ada@example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := receiver.Settings{"ADDRESSES_FILE": addresses, "SMTP_ADDRESS": "127.0.0.1:25", "SMTP_TLS": "implicit", "MAIL_FROM": "a@example.org"}
	if _, err := newMailer(good, slog.Default()); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"ADDRESSES_FILE": folder + "/none", "SMTP_ADDRESS": "mail", "SMTP_TLS": "perhaps", "MAIL_FROM": "me", "MAIL_TEXT_FILE": folder + "/none",
	} {
		settings := receiver.Settings{name: bad}
		for other, value := range good {
			if other != name {
				settings[other] = value
			}
		}
		if _, err := newMailer(settings, slog.Default()); err == nil {
			t.Errorf("%s=%s is taken", name, bad)
		}
	}
}
