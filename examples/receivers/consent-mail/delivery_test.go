package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"twinconsent.io/examples/receivers/receiver"
)

func TestManyAtOnceGetTheirOwnLinksAndNoOthers(t *testing.T) {
	const many = 50
	scene := start(t, nil, nil)
	var addresses strings.Builder
	for number := range many {
		fmt.Fprintf(&addresses, "person-%d person%d@example.org\n", number, number)
	}
	scene.write(t, "addresses", addresses.String())
	var all sync.WaitGroup
	for number := range many {
		all.Go(func() {
			scene.sends(t, fmt.Sprintf("u-%d/1", number), "requested", func(data map[string]any) {
				data["subject"] = map[string]any{"reference": fmt.Sprintf("person-%d", number)}
				data["url"] = fmt.Sprintf("https://heygen.example/consent/of-%d-alone", number)
			}, http.StatusNoContent)
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for range many {
		mail := <-scene.mails
		_, text, err := mail.Read()
		if err != nil {
			t.Fatal(err)
		}
		number := strings.TrimSuffix(strings.TrimPrefix(mail.To, "person"), "@example.org")
		if !strings.Contains(text, "/consent/of-"+number+"-alone\n") || strings.Count(text, "https://") != 1 {
			t.Errorf("%s got %s", mail.To, text)
		}
		seen[mail.To] = true
	}
	if len(seen) != many {
		t.Errorf("%d persons got a mail", len(seen))
	}
}

// A mail server that has taken the mail and then says nothing any more.
func TestAMailThatWasTakenIsNotSentAgainWhenTheConnectionEndsBadly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := make(chan string, 10)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			talk(connection, taken)
		}
	}()
	scene := start(t, nil, receiver.Settings{"SMTP_ADDRESS": listener.Addr().String()})
	for range 2 {
		scene.sends(t, "u/1", "requested", nil, http.StatusNoContent)
	}
	if len(taken) != 1 {
		t.Errorf("%d mails were taken", len(taken))
	}
}

func talk(connection net.Conn, taken chan<- string) {
	defer connection.Close()
	fmt.Fprint(connection, "220 localhost\r\n")
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		switch word, _, _ := strings.Cut(lines.Text(), " "); word {
		case "DATA":
			fmt.Fprint(connection, "354 go on\r\n")
			text := ""
			for lines.Scan() && lines.Text() != "." {
				text += lines.Text() + "\n"
			}
			taken <- text
			fmt.Fprint(connection, "250 taken\r\n")
		case "RSET", "QUIT":
			return
		default:
			fmt.Fprint(connection, "250 localhost\r\n")
		}
	}
}
