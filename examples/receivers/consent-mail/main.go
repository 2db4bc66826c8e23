// Consent-mail mails each person the link by which they consent.
package main

import (
	"log/slog"
	"os"

	"twinconsent.io/examples/receivers/receiver"
)

const purpose = `consent-mail takes the events of TwinConsent, and mails the link of each request to the person who is to consent.

It finds the person's address by spec.subject.reference in a file of yours. The events need includeLink: true.
An event that could not be mailed is answered with 503, so that the operator sends it again, for 24 hours.
Of a consent without spec.subject.reference nothing can be mailed: its events are answered with 422, which drops them.
The link stands in no log.`

var variables = []receiver.Variable{
	{Name: "ADDRESSES_FILE", IsRequired: true, Help: "in each line a reference, a space, and an address of mail; # begins a comment; read anew for each event"},
	{Name: "SMTP_ADDRESS", IsRequired: true, Help: "host and port of your mail server, as in smtp.example.com:587"},
	{Name: "SMTP_TLS", Default: "offered", Help: "offered: STARTTLS where the server offers it; required: STARTTLS or nothing; implicit: TLS from the start,\nas on port 465"},
	{Name: "SMTP_USERNAME", Help: "for a server that wants a login, which is given over TLS only"},
	{Name: "SMTP_PASSWORD", Help: "for the same"},
	{Name: "MAIL_FROM", IsRequired: true, Help: "the sender's address, as in \"Studio <consent@example.com>\""},
	{Name: "MAIL_SUBJECT", Default: "Your consent is asked for", Help: "the subject"},
	{Name: "MAIL_TEXT_FILE", Help: "the text, as a template of Go: {{.URL}} is the link, {{.Expires}} the time when it stops working,\nif that is known, {{.Reference}} the person's reference; without it, a short one in English"},
}

func main() {
	settings := receiver.Load("consent-mail", purpose, variables)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	mailer, err := newMailer(settings, log)
	if err == nil {
		err = receiver.Main(settings, log, mailer.take)
	}
	if err != nil {
		log.Error("consent-mail ends", "error", err)
		os.Exit(1)
	}
}
