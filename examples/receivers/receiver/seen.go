package receiver

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"sync"
)

// remembered is how many events are remembered. An event can come again for about a day.
const remembered = 65_536

// Seen knows the ids of events that were taken, the last ones.
type Seen struct {
	mutex sync.Mutex
	known map[string]state
	order []string
	// file remembers them beyond a restart, if there is one.
	path string
	file *os.File
	// lines are how many ids stand in the file.
	lines int
}

type state int

const (
	isNew state = iota
	isUnderWay
	isTaken
)

// OpenSeen reads the file, if a path is given, which it creates if it is not there.
func OpenSeen(path string) (*Seen, error) {
	seen := &Seen{known: map[string]state{}, path: path}
	if path == "" {
		return seen, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		seen.remember(lines.Text())
		seen.lines++
	}
	seen.file = file
	// A line that a crash has cut off must not run into the next.
	_, err = file.WriteString("\n")
	return seen, err
}

// Begin says what is known of an event, and notes that it is under way if nothing was.
func (seen *Seen) Begin(id string) state {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	was := seen.known[id]
	if was == isNew {
		seen.known[id] = isUnderWay
	}
	return was
}

// End says that nothing is done about an event any more: unless it was taken, it may come again.
func (seen *Seen) End(id string) {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	if seen.known[id] == isUnderWay {
		delete(seen.known, id)
	}
}

// Take says that an event was taken. An error means that a restart may forget it.
func (seen *Seen) Take(id string) error {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	seen.remember(id)
	if seen.file == nil {
		return nil
	}
	if seen.lines++; seen.lines > 2*remembered {
		return seen.rewrite()
	}
	_, err := seen.file.WriteString(id + "\n")
	return errors.Join(err, seen.file.Sync())
}

func (seen *Seen) remember(id string) {
	if id == "" || seen.known[id] == isTaken {
		return
	}
	seen.known[id] = isTaken
	if seen.order = append(seen.order, id); len(seen.order) > remembered {
		delete(seen.known, seen.order[0])
		seen.order = seen.order[1:]
	}
}

// rewrite leaves in the file what is remembered.
func (seen *Seen) rewrite() error {
	next := seen.path + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(seen.order, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, seen.path); err != nil {
		return err
	}
	file, err := os.OpenFile(seen.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	seen.file.Close()
	seen.file, seen.lines = file, len(seen.order)
	return nil
}

// Close closes the file.
func (seen *Seen) Close() error {
	if seen.file == nil {
		return nil
	}
	return seen.file.Close()
}
