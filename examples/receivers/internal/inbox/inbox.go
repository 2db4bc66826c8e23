// Package inbox is a mail server that keeps what it gets, for tests and to try things out.
package inbox

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Mail is what was handed over.
type Mail struct {
	To   string
	Text []byte
	// IsEncrypted says that it came over TLS.
	IsEncrypted bool
}

// Read returns the header, and the text as the person reads it.
func (mailed Mail) Read() (mail.Header, string, error) {
	message, err := mail.ReadMessage(bytes.NewReader(mailed.Text))
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	return message.Header, strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

// Server hands on the mails that it gets, and takes those for which that is no error.
type Server struct {
	server   *smtp.Server
	listener net.Listener
	// Address is where it listens.
	Address string
}

// Start listens; with a configuration of TLS it offers STARTTLS.
func Start(address string, config *tls.Config, take func(Mail) error) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := smtp.NewServer(smtp.BackendFunc(func(connection *smtp.Conn) (smtp.Session, error) {
		return &session{connection: connection, take: take}, nil
	}))
	server.Domain, server.TLSConfig = "localhost", config
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	server.MaxMessageBytes = 1 << 20
	server.ErrorLog = log.New(io.Discard, "", 0)
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	return &Server{server: server, listener: listener, Address: listener.Addr().String()}, nil
}

// Close ends it, also before it has begun to serve.
func (server *Server) Close() { server.listener.Close(); server.server.Close() }

type session struct {
	connection *smtp.Conn
	to         string
	take       func(Mail) error
}

func (session *session) Mail(string, *smtp.MailOptions) error { return nil }

func (session *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	session.to = to
	return nil
}

func (session *session) Data(reader io.Reader) error {
	text, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	_, isEncrypted := session.connection.TLSConnectionState()
	return session.take(Mail{To: session.to, Text: text, IsEncrypted: isEncrypted})
}

func (session *session) Reset() { session.to = "" }

func (session *session) Logout() error { return nil }
