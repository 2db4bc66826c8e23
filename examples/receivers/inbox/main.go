// Inbox is a mail server and a chat's webhook, to try the receivers: it prints what it gets, and delivers nothing.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"twinconsent.io/examples/receivers/internal/inbox"
)

const usage = `Usage: inbox SMTP HTTP

It takes mail at the address SMTP, as in 127.0.0.1:2525, and POSTs at the address HTTP, as in 127.0.0.1:2580,
prints them on stdout, and delivers nothing: it is there to try the receivers. Whoever can read its output can use the links in it.
`

func main() {
	if len(os.Args) != 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	server, err := inbox.Start(os.Args[1], nil, func(mail inbox.Mail) error {
		header, text, err := mail.Read()
		if err != nil {
			return err
		}
		_, err = fmt.Printf("== mail to %s\nFrom: %s\nSubject: %s\n\n%s\n", mail.To, header.Get("From"), header.Get("Subject"), text)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	log.Fatal(http.ListenAndServe(os.Args[2], http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
		if err == nil {
			fmt.Printf("== %s\n%s\n", request.Method, body)
		}
	})))
}
