// Package signed makes requests as the operator sends them, for tests.
package signed

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Secret is a signing secret.
const Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

// Link is the link of a person.
const Link = "https://heygen.example/consent/0123456789abcdef"

// Event is an event with a link, of which `change` may change the data.
func Event(t testing.TB, id, word string, change func(data map[string]any)) []byte {
	t.Helper()
	data := map[string]any{
		"object":             map[string]any{"kind": "DigitalTwinConsent", "namespace": "studio", "name": "ada", "uid": "7c9e6679"},
		"account":            map[string]any{"kind": "ClusterHeyGenAccount", "name": "default"},
		"groupID":            "g-1",
		"conditions":         map[string]any{"Permitted": map[string]any{"status": "False", "reason": "AwaitingApproval"}},
		"consentStatus":      "pending",
		"subject":            map[string]any{"reference": "person-17"},
		"linkExpirationTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		"url":                Link,
	}
	if change != nil {
		change(data)
	}
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": "/apis/twinconsent.io/v1alpha1/namespaces/studio/digitaltwinconsents/ada",
		"type": "io.twinconsent.consent." + word + ".v1", "subject": "g-1", "time": "2026-11-26T12:00:00.5Z",
		"datacontenttype": "application/json", "digest": "sha256:aa", "data": data,
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Request is the request with a body that is signed, at a time.
func Request(t testing.TB, secret, id string, at time.Time, body []byte) *http.Request {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := webhook.Sign(id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return request
}
