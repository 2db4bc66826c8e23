package receiver

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Verifier knows the signing secrets that are good now.
type Verifier []*standardwebhooks.Webhook

// NewVerifier reads the secrets, which have spaces between them. What is wrong with one is told without the secret.
func NewVerifier(secrets string) (Verifier, error) {
	var verifier Verifier
	for index, secret := range strings.Fields(secrets) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		// The library would take an empty one, with which anybody can sign.
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("signing secret %d is not whsec_ and 24 to 64 bytes in base64", index+1)
		}
		webhook, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, errors.New("a signing secret is not usable")
		}
		verifier = append(verifier, webhook)
	}
	if len(verifier) == 0 {
		return nil, errors.New("there is no signing secret")
	}
	return verifier, nil
}

// Verify says whether one of the secrets has signed this, within the last five minutes.
func (verifier Verifier) Verify(body []byte, header http.Header) error {
	var err error
	for _, webhook := range verifier {
		if err = webhook.Verify(body, header); err == nil {
			return nil
		}
	}
	return err
}
