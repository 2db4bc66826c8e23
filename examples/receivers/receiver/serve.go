package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main takes events until it is told to end, by SIGTERM or Ctrl-C. What was begun then is brought to its end.
func Main(settings Settings, log *slog.Logger, take func(context.Context, Event) error) error {
	verifier, err := NewVerifier(settings["SIGNING_SECRET"])
	if err != nil {
		return err
	}
	seen, err := OpenSeen(settings["SEEN_FILE"])
	if err != nil {
		return err
	}
	certificate := func() (*tls.Certificate, error) { return nil, nil }
	if settings["TLS_CERT_FILE"] != "" || settings["TLS_KEY_FILE"] != "" {
		certificate = func() (*tls.Certificate, error) {
			read, err := tls.LoadX509KeyPair(settings["TLS_CERT_FILE"], settings["TLS_KEY_FILE"])
			return &read, err
		}
	}
	first, err := certificate()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", settings["LISTEN"])
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           &Handler{Verifier: verifier, Seen: seen, Path: settings["WEBHOOK_PATH"], Take: take, Log: log},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		log.Info("events are taken", "address", listener.Addr().String(), "tls", first != nil)
		if first == nil {
			ended <- server.Serve(listener)
			return
		}
		server.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() },
		}
		ended <- server.ServeTLS(listener, "", "")
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(server.Shutdown(ctx), seen.Close())
}
