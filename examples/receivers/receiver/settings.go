package receiver

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// A Variable of the environment is one setting of a program.
type Variable struct {
	Name, Default string
	// IsRequired says that there is no default.
	IsRequired bool
	// Help says what it is, in a line or more.
	Help string
}

// Common are the settings of every receiver.
var Common = []Variable{
	{Name: "SIGNING_SECRET", IsRequired: true, Help: "what the operator signs with, as in the Secret of signingSecretRef: whsec_ and base64;\nseveral with spaces between them while one replaces another"},
	{Name: "LISTEN", Default: ":8080", Help: "where to listen; GET /healthz is for probes"},
	{Name: "WEBHOOK_PATH", Default: "/", Help: "the only path that takes events; one that cannot be guessed keeps others away"},
	{Name: "TLS_CERT_FILE", Help: "a certificate with its chain (PEM), read anew when it changes; without it, HTTP is spoken,\nwhich is for a proxy that speaks TLS before it"},
	{Name: "TLS_KEY_FILE", Help: "the key of that certificate"},
	{Name: "SEEN_FILE", Help: "remembers which events were taken; without it, an event that comes again after a restart is taken again"},
}

// Settings are the values of variables, by name.
type Settings map[string]string

// Load reads the environment of a program that knows no arguments but --help, and ends it if something is missing.
func Load(program, purpose string, variables []Variable) Settings {
	variables = append(variables, Common...)
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && (arguments[0] == "--help" || arguments[0] == "-h"):
		help(os.Stdout, program, purpose, variables)
		os.Exit(0)
	case len(arguments) > 0:
		fmt.Fprintf(os.Stderr, "%s takes no arguments but --help; its settings are variables of the environment\n", program)
		os.Exit(2)
	}
	settings, missing := read(variables, os.Getenv)
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "%s needs %s; see --help\n", program, strings.Join(missing, ", "))
		os.Exit(2)
	}
	return settings
}

// read returns the settings, and the names of those that are required and not there.
func read(variables []Variable, get func(string) string) (Settings, []string) {
	settings, missing := Settings{}, []string(nil)
	for _, variable := range variables {
		value := get(variable.Name)
		if value == "" {
			value = variable.Default
		}
		if value == "" && variable.IsRequired {
			missing = append(missing, variable.Name)
		}
		settings[variable.Name] = value
	}
	return settings, missing
}

func help(to io.Writer, program, purpose string, variables []Variable) {
	fmt.Fprintf(to, "%s\n\nUsage: %s\n\nVariables of the environment:\n", purpose, program)
	for _, variable := range variables {
		note := ""
		if variable.IsRequired {
			note = " (required)"
		} else if variable.Default != "" {
			note = fmt.Sprintf(" (default %q)", variable.Default)
		}
		fmt.Fprintf(to, "\n  %s%s\n      %s\n", variable.Name, note, strings.ReplaceAll(variable.Help, "\n", "\n      "))
	}
}
