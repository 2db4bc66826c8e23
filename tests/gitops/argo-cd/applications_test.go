package argocd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/syncwaves"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestTheApplicationsHaveNoFieldThatArgoCDDoesNotKnow(t *testing.T) {
	paths, err := filepath.Glob(examples + "/application*.yaml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%v %v", paths, err)
	}
	for _, path := range paths {
		var application v1alpha1.Application
		strictly(t, path, &application)
		if application.Kind != "Application" || application.Spec.Project == "" || application.Spec.GetSource().Path == "" {
			t.Errorf("%s: %+v", path, application)
		}
		folder := filepath.Join(examples, "repository", filepath.Base(application.Spec.GetSource().Path))
		if len(manifests(t, folder)) == 0 {
			t.Errorf("%s points to %s, where there is nothing", path, folder)
		}
	}
}

// A consent in an earlier wave than anything else would hold that back for as long as the person takes.
func TestConsentsComeInTheLastWave(t *testing.T) {
	consents := 0
	for _, folder := range []string{"studio", "consents"} {
		objects := manifests(t, filepath.Join(examples, "repository", folder))
		last := syncwaves.Wave(objects[0])
		for _, object := range objects {
			last = max(last, syncwaves.Wave(object))
		}
		for _, object := range objects {
			if object.GetKind() != consent {
				if len(objects) > 1 && syncwaves.Wave(object) == last {
					t.Errorf("%s %s comes in the wave of the consents", object.GetKind(), object.GetName())
				}
				continue
			}
			consents++
			if wave := syncwaves.Wave(object); wave != last {
				t.Errorf("%s comes in wave %d, and something else in wave %d", object.GetName(), wave, last)
			}
			options := object.GetAnnotations()["argocd.argoproj.io/sync-options"]
			if !strings.Contains(options, "Prune=confirm") || !strings.Contains(options, "Delete=confirm") {
				t.Errorf("%s is not protected: %q", object.GetName(), options)
			}
		}
	}
	if consents < 2 {
		t.Errorf("%d consents", consents)
	}
}

// manifests reads every object of a folder.
func manifests(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	paths, err := filepath.Glob(folder + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, path := range paths {
		for _, text := range strings.Split(string(read(t, path)), "\n---\n") {
			asJSON, err := yaml.YAMLToJSON([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			object := &unstructured.Unstructured{}
			if err := object.UnmarshalJSON(asJSON); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			objects = append(objects, object)
		}
	}
	return objects
}
