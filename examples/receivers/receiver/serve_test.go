package receiver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"twinconsent.io/examples/receivers/internal/signed"
)

func TestItSpeaksTLSWithTheCertificateThatIsThereNowAndEndsInOrder(t *testing.T) {
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	before := certify(t, certificate, key)
	settings := Settings{
		"SIGNING_SECRET": signed.Secret, "LISTEN": "127.0.0.1:0", "WEBHOOK_PATH": "/events",
		"TLS_CERT_FILE": certificate, "TLS_KEY_FILE": key, "SEEN_FILE": filepath.Join(folder, "seen"),
	}
	lines, log := io.Pipe()
	ended := make(chan error, 1)
	taken := make(chan Event, 2)
	go func() {
		ended <- Main(settings, slog.New(slog.NewJSONHandler(log, nil)), func(_ context.Context, event Event) error {
			taken <- event
			return nil
		})
	}()
	var began struct {
		Address string
		TLS     bool
	}
	if err := json.NewDecoder(lines).Decode(&began); err != nil || !began.TLS {
		t.Fatalf("%v: %v", began, err)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // it ends with the test

	post(t, before, began.Address, "u/1")
	after := certify(t, certificate, key)
	post(t, after, began.Address, "u/2")
	if len(taken) != 2 {
		t.Errorf("%d events were taken, not 2", len(taken))
	}
	answer, err := client(after).Get("https://" + began.Address + "/healthz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%v %v", answer, err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSettingsThatCannotBeUsedEndTheProgram(t *testing.T) {
	good := Settings{"SIGNING_SECRET": signed.Secret, "LISTEN": "127.0.0.1:0", "WEBHOOK_PATH": "/"}
	for name, bad := range map[string]string{
		"SIGNING_SECRET": "", "LISTEN": "nowhere", "TLS_CERT_FILE": "/nonexistent", "TLS_KEY_FILE": "/nonexistent", "SEEN_FILE": "/nonexistent/seen",
	} {
		settings := Settings{}
		for other, value := range good {
			settings[other] = value
		}
		settings[name] = bad
		if err := Main(settings, slog.New(slog.DiscardHandler), nil); err == nil {
			t.Errorf("%s=%q is taken", name, bad)
		}
	}
}

func post(t *testing.T, certificate *x509.Certificate, address, id string) {
	t.Helper()
	body := signed.Event(t, id, "requested", nil)
	request, err := http.NewRequest(http.MethodPost, "https://"+address+"/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = signed.Request(t, signed.Secret, id, time.Now(), body).Header
	answer, err := client(certificate).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		t.Errorf("%s is answered with %d", id, answer.StatusCode)
	}
}

// client trusts this certificate alone.
func client(certificate *x509.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
}

// certify writes a new certificate for 127.0.0.1.
func certify(t *testing.T, certificate, key string) *x509.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: made}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(made)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
