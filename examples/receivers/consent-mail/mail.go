package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"text/template"
	"time"

	"github.com/wneessen/go-mail"

	"twinconsent.io/examples/receivers/receiver"
)

const text = `Hello,

we would like to use your digital twin, and ask for your consent. By this link you can give it, or refuse:

{{.URL}}

The link is for you alone: whoever has it can answer for you, so please do not pass it on.
{{- if .Expires}}
It works until {{.Expires}}.
{{- end}}
`

// message is what a template of the text may use.
type message struct{ URL, Expires, Reference string }

// mailer mails links.
type mailer struct {
	addresses string
	client    *mail.Client
	from      string
	subject   string
	text      *template.Template
	log       *slog.Logger
	now       func() time.Time
}

func newMailer(settings receiver.Settings, log *slog.Logger) (*mailer, error) {
	template, err := textOf(settings["MAIL_TEXT_FILE"])
	if err != nil {
		return nil, err
	}
	if err := mail.NewMsg().From(settings["MAIL_FROM"]); err != nil {
		return nil, fmt.Errorf("MAIL_FROM is no address: %w", err)
	}
	// One that is wrong now would be wrong for each event.
	if _, err := addressOf(settings["ADDRESSES_FILE"], ""); err != nil {
		return nil, err
	}
	client, err := newClient(settings)
	if err != nil {
		return nil, err
	}
	return &mailer{
		addresses: settings["ADDRESSES_FILE"],
		client:    client,
		from:      settings["MAIL_FROM"],
		subject:   settings["MAIL_SUBJECT"],
		text:      template,
		log:       log,
		now:       time.Now,
	}, nil
}

func newClient(settings receiver.Settings) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(settings["SMTP_ADDRESS"])
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDRESS is not host and port: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, errors.New("the port in SMTP_ADDRESS is no number")
	}
	options := []mail.Option{
		mail.WithPort(number),
		// For the whole mail: a server that scans what it takes may need long for its last answer, and a mail that it has taken then
		// would be sent again. The operator does not wait so long, and is told that the event is under way when it comes again.
		mail.WithTimeout(2 * time.Minute),
		mail.WithTLSConfig(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}),
	}
	switch settings["SMTP_TLS"] {
	case "offered":
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case "required":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case "implicit":
		options = append(options, mail.WithSSL())
	default:
		return nil, errors.New("SMTP_TLS is offered, required or implicit")
	}
	if settings["SMTP_USERNAME"] != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(settings["SMTP_USERNAME"]), mail.WithPassword(settings["SMTP_PASSWORD"]))
	}
	return mail.NewClient(host, options...)
}

func textOf(path string) (*template.Template, error) {
	if path == "" {
		return template.New("mail").Parse(text)
	}
	return template.ParseFiles(path)
}

// take mails the link of an event that has one to mail.
func (mailer *mailer) take(ctx context.Context, event receiver.Event) error {
	log := mailer.log.With("id", event.ID)
	if event.Word != "requested" && event.Word != "renewed" {
		return nil
	}
	data := event.Data
	switch {
	case data.URL == "":
		log.Warn("there is no link in the event: the sink has no includeLink, the consent has a linkSecretRef, or it has expired")
		return nil
	case !data.LinkExpirationTime.IsZero() && data.LinkExpirationTime.Before(mailer.now()):
		log.Warn("the link has expired, and is not mailed")
		return nil
	case data.Subject.Reference == "":
		return fmt.Errorf("the consent has no spec.subject.reference: %w", receiver.ErrNever)
	}
	address, err := addressOf(mailer.addresses, data.Subject.Reference)
	if err != nil {
		return err
	}
	message, err := mailer.message(event, address)
	if err != nil {
		return err
	}
	// What fails after the server has taken the mail, as the end of the connection, is no reason to send it again.
	if err := mailer.client.DialAndSendWithContext(ctx, message); err != nil && !message.IsDelivered() {
		return errors.New(cause(err))
	}
	log.Info("the link is mailed")
	return nil
}

func (mailer *mailer) message(event receiver.Event, address string) (*mail.Msg, error) {
	content := message{URL: string(event.Data.URL), Reference: event.Data.Subject.Reference}
	if at := event.Data.LinkExpirationTime; !at.IsZero() {
		content.Expires = at.UTC().Format("2 January 2006, 15:04 UTC")
	}
	made := mail.NewMsg()
	made.Subject(mailer.subject)
	made.SetDate()
	made.SetGenHeader("Auto-Submitted", "auto-generated")
	// The same for each try, by which mail servers know a mail that comes twice.
	sum := sha256.Sum256([]byte(event.ID))
	made.SetMessageIDWithValue(hex.EncodeToString(sum[:16]) + "@twinconsent")
	err := errors.Join(made.From(mailer.from), made.To(address), made.SetBodyTextTemplate(mailer.text, content))
	if err != nil {
		return nil, errors.New("the mail cannot be made: see the sender's address and the text")
	}
	return made, nil
}

// cause says why a mail was not taken, without the words of the server, which may quote what was sent.
func cause(err error) string {
	var refused *mail.SendError
	if errors.As(err, &refused) {
		return fmt.Sprintf("the mail server has not taken it: %s, code %d %s", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	}
	if network := (*net.OpError)(nil); errors.As(err, &network) {
		return fmt.Sprintf("the mail server is not reached: %v", network.Err)
	}
	return "the mail server is not reached, or speaks otherwise"
}
