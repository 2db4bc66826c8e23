// pause holds the namespaces of a pod, and leaves when it is told to.
//
// It is the first process of each pod's sandbox. Kubernetes' own one is a C program that is published only as an image.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Processes of a pod that shares its process namespace become its children when they lose their parents:
	// ignored, their ends need no collecting.
	signal.Ignore(syscall.SIGCHLD)
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, syscall.SIGINT, syscall.SIGTERM)
	<-leave
}
