package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"twinconsent.io/examples/receivers/receiver"
)

// chat posts lines.
type chat struct {
	url    string
	client *http.Client
}

func newChat(address string) (*chat, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return nil, errors.New("CHAT_URL is no address")
	}
	host := net.ParseIP(parsed.Hostname())
	if parsed.Scheme != "https" && !(parsed.Scheme == "http" && host.IsLoopback()) {
		return nil, errors.New("CHAT_URL is neither https nor http to this machine")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &chat{url: address, client: client}, nil
}

// take posts a line about an event.
func (chat *chat) take(ctx context.Context, event receiver.Event) error {
	body, err := json.Marshal(map[string]string{"text": line(event)})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, chat.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("CHAT_URL is no address")
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := chat.client.Do(request)
	if err != nil {
		// An error of the client names the address.
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return fmt.Errorf("the chat is not reached: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the chat has answered %d", answer.StatusCode)
	}
	return nil
}

// line says what has become of a consent, without its link and without the person's reference.
func line(event receiver.Event) string {
	data := event.Data
	permitted := data.Conditions["Permitted"]
	use := map[string]string{"True": "the twin may be used", "False": "the twin may not be used"}[permitted.Status]
	if use == "" {
		use = "nobody knows whether the twin may be used"
	}
	if permitted.Reason != "" {
		use += " (" + permitted.Reason + ")"
	}
	text := fmt.Sprintf("%s: consent %s/%s, avatar group %s: %s", event.Word, data.Object.Namespace, data.Object.Name, data.GroupID, use)
	if data.ConsentStatus != "" {
		text += fmt.Sprintf("; HeyGen's word: %s", data.ConsentStatus)
	}
	// What these chats would read as markup, as in <!channel>.
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
