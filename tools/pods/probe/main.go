// probe is the smallest pod that a test can learn from: it tells over HTTP what it finds about itself.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// facts are what a test asserts; an error's text stands where the fact should be.
type facts struct {
	User           int    `json:"user"`
	Capabilities   string `json:"capabilities"`
	NoNewPrivs     string `json:"noNewPrivs"`
	Seccomp        string `json:"seccomp"`
	RootIsWritable bool   `json:"rootIsWritable"`
	// The API server's status line for a list of ConfigMaps in the pod's namespace, with the pod's own token.
	APIServer string `json:"apiServer"`
	// The address that the cluster's name server gives for kubernetes.default.svc.
	Address string `json:"address"`
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/facts", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(answer).Encode(learn())
	})
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ending.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		panic(err)
	}
}

func learn() facts {
	found := facts{
		User:           os.Getuid(),
		Capabilities:   processStatus("CapEff"),
		NoNewPrivs:     processStatus("NoNewPrivs"),
		Seccomp:        processStatus("Seccomp"),
		RootIsWritable: os.WriteFile("/written", nil, 0o600) == nil,
		APIServer:      orError(askAPIServer()),
	}
	addresses, err := net.LookupHost("kubernetes.default.svc")
	found.Address = orError(strings.Join(addresses, ","), err)
	return found
}

func orError(fact string, err error) string {
	if err != nil {
		return err.Error()
	}
	return fact
}

// processStatus is a field of /proc/self/status.
func processStatus(field string) string {
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return orError("absent", err)
}

func askAPIServer() (string, error) {
	token, err := os.ReadFile(serviceAccount + "token")
	if err != nil {
		return "", err
	}
	namespace, err := os.ReadFile(serviceAccount + "namespace")
	if err != nil {
		return "", err
	}
	authority, err := os.ReadFile(serviceAccount + "ca.crt")
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequest(http.MethodGet, "https://"+host+"/api/v1/namespaces/"+string(namespace)+"/configmaps", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return answer.Status, nil
}
