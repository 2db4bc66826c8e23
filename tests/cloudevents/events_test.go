// What the SDK of CloudEvents for Go and another implementation of RFC 8785 make of the events of the audit trail.
//
// events.jsonl has one event of each type, one a line, written by the core's own tests.
package cloudevents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/gowebpki/jcs"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func lines(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile("events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(lines) < 18 {
		t.Fatalf("there are %d events, and 18 types", len(lines))
	}
	return lines
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestTheSDKReadsEachEventWithItsDigest(t *testing.T) {
	types, previous := map[string]bool{}, ""
	for index, line := range lines(t) {
		var read event.Event
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatalf("line %d: %v", index+1, err)
		}
		if err := read.Validate(); err != nil {
			t.Fatalf("line %d: %v", index+1, err)
		}
		if read.SpecVersion() != "1.0" || read.DataContentType() != "application/json" || read.Subject() == "" || read.Time().IsZero() {
			t.Errorf("line %d is read as %v", index+1, read)
		}
		if !strings.HasPrefix(read.Type(), "io.twinconsent.consent.") || types[read.Type()] {
			t.Errorf("line %d has the type %s", index+1, read.Type())
		}
		types[read.Type()] = true
		if !strings.HasSuffix(read.ID(), "/"+strconv.Itoa(index+1)) {
			t.Errorf("line %d has the id %s", index+1, read.ID())
		}
		var data struct {
			Object         struct{ Namespace, Name, UID string }
			PreviousDigest string
		}
		if err := read.DataAs(&data); err != nil {
			t.Fatalf("line %d: %v", index+1, err)
		}
		if want := "/apis/twinconsent.io/v1alpha1/namespaces/" + data.Object.Namespace + "/digitaltwinconsents/" + data.Object.Name; read.Source() != want {
			t.Errorf("line %d has the source %s, not %s", index+1, read.Source(), want)
		}
		if data.PreviousDigest != previous {
			t.Errorf("line %d names %q as the one before, which is %q", index+1, data.PreviousDigest, previous)
		}
		extensions := read.Extensions()
		if len(extensions) != 1 || extensions["digest"] == nil {
			t.Fatalf("line %d has the extension attributes %v", index+1, extensions)
		}
		previous = extensions["digest"].(string)
	}
}

// A sink gets the event as the SDK writes it; its digest is still that of the log.
func TestAnEventThatTheSDKHasWrittenAgainHasTheSameDigest(t *testing.T) {
	for index, line := range lines(t) {
		var read event.Event
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		checkDigest(t, index, written)
	}
}

func TestAnotherImplementationComputesTheSameDigests(t *testing.T) {
	for index, line := range lines(t) {
		checkDigest(t, index, line)
		canonical, err := jcs.Transform(line)
		if err != nil {
			t.Fatalf("line %d: %v", index+1, err)
		}
		if !bytes.Equal(canonical, line) {
			t.Errorf("line %d is not in its canonical form", index+1)
		}
	}
}

func TestEachEventIsAsItsSchemaSays(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../docs/schemas/event.json")
	if err != nil {
		t.Fatal(err)
	}
	for index, line := range lines(t) {
		read, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(read); err != nil {
			t.Errorf("line %d: %v", index+1, err)
		}
		// Of another type it is not.
		changed, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(line, []byte(`"requestEpoch":2`), []byte(`"requestEpoch":"2"`), 1)))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(changed) == nil {
			t.Errorf("line %d may have any form", index+1)
		}
	}
}

// checkDigest computes the digest of an event anew, however it is written.
func checkDigest(t *testing.T, index int, text []byte) {
	t.Helper()
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(text, &attributes); err != nil {
		t.Fatal(err)
	}
	var named string
	if err := json.Unmarshal(attributes["digest"], &named); err != nil {
		t.Fatal(err)
	}
	delete(attributes, "digest")
	rest, err := json.Marshal(attributes)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := jcs.Transform(rest)
	if err != nil {
		t.Fatal(err)
	}
	if digest(canonical) != named {
		t.Errorf("line %d names the digest %s and has %s", index+1, named, digest(canonical))
	}
}
