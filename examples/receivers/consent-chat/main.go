// Consent-chat tells a chat what has become of consents.
package main

import (
	"log/slog"
	"os"

	"twinconsent.io/examples/receivers/receiver"
)

const purpose = `consent-chat takes the events of TwinConsent, and posts a line about each to a chat, by an incoming webhook as Slack,
Mattermost and others have them: {"text": "…"}.

The link of a person is not in it, and neither is the address of the webhook in the log.
A line that the chat has not taken is answered with 503, so that the operator sends the event again, for 24 hours.`

var variables = []receiver.Variable{
	{Name: "CHAT_URL", IsRequired: true, Help: "the address of the incoming webhook: https, or http to this machine; whoever has it can post"},
}

func main() {
	settings := receiver.Load("consent-chat", purpose, variables)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	chat, err := newChat(settings["CHAT_URL"])
	if err == nil {
		err = receiver.Main(settings, log, chat.take)
	}
	if err != nil {
		log.Error("consent-chat ends", "error", err)
		os.Exit(1)
	}
}
