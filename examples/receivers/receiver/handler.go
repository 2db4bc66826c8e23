// Package receiver takes the events that TwinConsent sends: it verifies who sent them, and hands out each of them once.
package receiver

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// longest is the longest event that is read, in bytes; those of the operator are far shorter.
	longest = 256 << 10
	// patience is how long an event may be worked on: the operator waits 10 s for the answer.
	patience = 8 * time.Second
)

// ErrNever says that an event cannot be taken, however often it comes: the operator drops it, and counts that.
var ErrNever = errors.New("this cannot be mended by waiting")

// Handler takes events.
type Handler struct {
	Verifier Verifier
	Seen     *Seen
	// Path is where events are taken.
	Path string
	// Take does something about an event. An error says that nothing was done; then it comes again, but for ErrNever.
	Take func(context.Context, Event) error
	Log  *slog.Logger
}

func (handler *Handler) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodGet && request.URL.Path == "/healthz" {
		answer.WriteHeader(http.StatusOK)
		return
	}
	if subtle.ConstantTimeCompare([]byte(request.URL.Path), []byte(handler.Path)) != 1 {
		http.NotFound(answer, request)
		return
	}
	if request.Method != http.MethodPost {
		answer.Header().Set("Allow", http.MethodPost)
		http.Error(answer, "only POST is known here", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, longest))
	if err != nil {
		status := http.StatusBadRequest
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			status = http.StatusRequestEntityTooLarge
		}
		handler.refuse(answer, status, err)
		return
	}
	if err := handler.Verifier.Verify(body, request.Header); err != nil {
		handler.refuse(answer, http.StatusUnauthorized, err)
		return
	}
	if form, _, _ := mime.ParseMediaType(request.Header.Get("Content-Type")); form != "application/cloudevents+json" {
		handler.refuse(answer, http.StatusUnsupportedMediaType, errors.New("this is not application/cloudevents+json"))
		return
	}
	event, err := decode(body)
	if err == nil && event.ID != request.Header.Get(standardwebhooks.HeaderWebhookID) {
		err = errors.New("webhook-id is not the id of the event")
	}
	if err != nil {
		handler.refuse(answer, http.StatusBadRequest, err)
		return
	}
	handler.take(answer, request, event)
}

func (handler *Handler) take(answer http.ResponseWriter, request *http.Request, event Event) {
	log := handler.Log.With("id", event.ID, "event", event.Word, "namespace", event.Data.Object.Namespace, "name", event.Data.Object.Name)
	switch handler.Seen.Begin(event.ID) {
	case isTaken:
		log.Info("the event was taken before")
		answer.WriteHeader(http.StatusNoContent)
		return
	case isUnderWay:
		later(answer)
		return
	}
	// What was begun is brought to its end, also when the operator does not wait for it: else it would not be known whether it was done.
	ctx, done := context.WithTimeout(context.WithoutCancel(request.Context()), patience)
	defer done()
	defer handler.Seen.End(event.ID)
	err := handler.Take(ctx, event)
	switch {
	case err == nil:
		if err := handler.Seen.Take(event.ID); err != nil {
			log.Error("the event is taken, and a restart may forget that", "error", err)
		}
		answer.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrNever):
		log.Error("the event is dropped", "error", err)
		http.Error(answer, "this event cannot be taken", http.StatusUnprocessableEntity)
	default:
		log.Warn("the event is to come again", "error", err)
		later(answer)
	}
}

// refuse answers what is no event of the operator. The reasons hold nothing of a body.
func (handler *Handler) refuse(answer http.ResponseWriter, status int, err error) {
	handler.Log.Warn("a request is refused", "status", status, "error", err)
	http.Error(answer, http.StatusText(status), status)
}

// later tells the operator to try again.
func later(answer http.ResponseWriter) {
	http.Error(answer, "try again", http.StatusServiceUnavailable)
}
