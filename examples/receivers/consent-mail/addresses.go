package main

import (
	"bufio"
	"fmt"
	"net/mail"
	"os"
	"strings"
)

// addressOf finds the address of a person in the file. What is wrong is told by its line, without what stands in it.
//
// The whole file is read: one that names a person twice may send a link to the wrong one, and so is not used at all.
func addressOf(path, reference string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	seen, found := map[string]int{}, ""
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		own, text, _ := strings.Cut(line, " ")
		address, err := mail.ParseAddress(strings.TrimSpace(text))
		if err != nil {
			return "", fmt.Errorf("line %d of the addresses is not a reference, a space and an address", number)
		}
		if before, isThere := seen[own]; isThere {
			return "", fmt.Errorf("lines %d and %d of the addresses are for one reference", before, number)
		}
		seen[own] = number
		if own == reference {
			found = address.Address
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	if found == "" && reference != "" {
		return "", fmt.Errorf("the addresses have no line for the reference %q", reference)
	}
	return found, nil
}
