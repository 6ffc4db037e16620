package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"cvarchive/remote/simulator"
)

// The benchmarks leave the network out: what they show is what the service
// takes of the processor that it shares with whoever is measured beside it.

func BenchmarkCreateImages(b *testing.B) {
	s, project, _ := benchService(b, 0)
	bodies := make([][]byte, 8)
	for i := range bodies {
		bodies[i] = benchBatch(b, i)
		b.SetBytes(int64(len(bodies[i])))
	}
	for i := 0; b.Loop(); i++ {
		if i%len(bodies) == 0 {
			project = benchProject(b, s, fmt.Sprint("p", i))
		}
		benchCall(b, s, http.MethodPost, project+"/images/files", bodies[i%len(bodies)])
	}
}

func BenchmarkListImages(b *testing.B) {
	s, project, _ := benchService(b, 4)
	for b.Loop() {
		benchCall(b, s, http.MethodGet, project+"/images?take=256&orderBy=Oldest&skip=0", nil)
	}
}

func BenchmarkReadBlob(b *testing.B) {
	s, _, link := benchService(b, 4)
	for b.Loop() {
		benchCall(b, s, http.MethodGet, link, nil)
	}
}

// benchService has a project of so many batches of images.
func benchService(b *testing.B, batches int) (s *simulator.Service, project, link string) {
	s, err := simulator.New(simulator.Options{
		BaseURL:   "http://127.0.0.1",
		Resources: []simulator.ResourceOptions{{Name: "r", Key: "k", Limits: simulator.Limits{Projects: 1 << 20, ImagesPerProject: 1 << 30}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	project = benchProject(b, s, "p")
	for i := range batches {
		var created struct {
			Images []struct {
				Image struct{ OriginalImageURI string }
			}
		}
		answer := benchCall(b, s, http.MethodPost, project+"/images/files", benchBatch(b, i))
		if err := json.Unmarshal(answer, &created); err != nil {
			b.Fatal(err)
		}
		link = created.Images[0].Image.OriginalImageURI
	}
	return s, project, link
}

func benchProject(b *testing.B, s *simulator.Service, name string) string {
	const training = "http://127.0.0.1/r/customvision/v3.3/training/projects"
	var p struct{ ID string }
	if err := json.Unmarshal(benchCall(b, s, http.MethodPost, training+"?name="+name, []byte{}), &p); err != nil {
		b.Fatal(err)
	}
	return training + "/" + p.ID
}

// benchBatch is a body of 64 pictures of 25 kB.
func benchBatch(b *testing.B, n int) []byte {
	type file struct {
		Name     string `json:"name"`
		Contents []byte `json:"contents"`
	}
	var body struct {
		Images []file `json:"images"`
	}
	noise := rand.NewChaCha8([32]byte{byte(n)})
	for i := range 64 {
		tail := make([]byte, 25_000)
		_, _ = noise.Read(tail) // never fails
		body.Images = append(body.Images, file{fmt.Sprint(i), append(picture(i, 400, 300), tail...)})
	}
	text, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func benchCall(b *testing.B, s *simulator.Service, method, address string, body []byte) []byte {
	r := httptest.NewRequest(method, address, bytes.NewReader(body))
	r.Header.Set("Training-Key", "k")
	if method == http.MethodPost {
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s %s: %d %s", method, address, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
