package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Event is what has become of a consent. docs/notifications.md lists all types and fields; these are the ones that are used here.
type Event struct {
	// ID is the same whenever the event comes again.
	ID string
	// Word says what happened, as in `approved`.
	Word string
	Data Data
}

// Data is a part of `data`.
type Data struct {
	Object  struct{ Namespace, Name string }
	GroupID string
	// Conditions are those of the consent, by their types; Permitted says whether the twin may be used.
	Conditions         map[string]struct{ Status, Reason string }
	ConsentStatus      string
	Subject            struct{ Reference string }
	LinkExpirationTime time.Time
	// URL is there with includeLink, in `requested` and `renewed`. Whoever holds it can act as the person.
	URL    Secret
	Resent bool
}

// Secret is a text that is not printed by accident.
type Secret string

func (Secret) String() string { return "[redacted]" }

// GoString is String.
func (Secret) GoString() string { return "[redacted]" }

// MarshalText keeps it out of JSON as well, which is what logs are written in.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

const (
	prefix = "io.twinconsent.consent."
	suffix = ".v1"
)

// decode reads an event of CloudEvents in structured mode. What is wrong is told without what stands in it.
func decode(body []byte) (Event, error) {
	var read event.Event
	if json.Unmarshal(body, &read) != nil || read.Validate() != nil {
		return Event{}, errors.New("this is no event of CloudEvents 1.0")
	}
	word, isOurs := strings.CutPrefix(read.Type(), prefix)
	word, isKnown := strings.CutSuffix(word, suffix)
	if !isOurs || !isKnown {
		return Event{}, fmt.Errorf("%q is no type of event that is known here", read.Type())
	}
	decoded := Event{ID: read.ID(), Word: word}
	if read.DataAs(&decoded.Data) != nil {
		return Event{}, errors.New("the data of the event cannot be read")
	}
	return decoded, nil
}
