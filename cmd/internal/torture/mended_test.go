package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/remote/customvision"
)

// TestMended damages what a vault stores, in a folder and in Azurite, and has
// it found and repaired by programs that are killed: verify names every object
// that was damaged and no other, repair gets each again that the source still
// has, and the rest is named.
func TestMended(t *testing.T) {
	t.Run("in", func(t *testing.T) {
		t.Run("a folder", func(t *testing.T) {
			t.Parallel()
			mend(t, folderPlace(t), rand.New(rand.NewPCG(*seed, 2000)))
		})
		t.Run("Azurite", func(t *testing.T) {
			t.Parallel()
			mend(t, newCloud(t).place(t), rand.New(rand.NewPCG(*seed, 2001)))
		})
	})
}

func mend(t *testing.T, p *place, rng *rand.Rand) {
	a := newAccount(t, 60)
	b := newBench(t, a, p, nil)
	m := &mender{t: t, place: p, bench: b, rng: rng}
	for _, source := range []string{"weu", "neu"} {
		if o := b.writer(source, "writer").backup(t.Context()); o.status != 0 {
			t.Fatal(o)
		}
	}
	kills := 0
	for range *mended {
		damaged := m.damage(m.objects(), 12)
		m.wantProblems(damaged)
		kills += m.repairKilled()
		if o := m.program("repair", "--all", "--read-data"); o.status != 0 {
			t.Errorf("the %s", o)
		}
		m.wantProblems(nil)
	}

	gone := a.lose(b.account.projects[0], rng)
	name := m.objectOf(a, gone)
	m.damageOne(name, (*mender).deleted)
	if o := m.program("repair", "--all", "--read-data"); o.status != 4 || !strings.Contains(o.stdout+o.stderr, gone) {
		t.Errorf("of image %s, which the source has no more, the %s", gone, o)
	}
	m.wantProblems([]string{name})
	t.Logf("%d repairs killed", kills)
}

// mender damages a vault and has it repaired.
type mender struct {
	t     *testing.T
	place *place
	bench *bench
	rng   *rand.Rand
}

// objects lists the names of all objects.
func (m *mender) objects() (names []string) {
	for info, err := range m.place.store.List(m.t.Context(), "objects/") {
		if err != nil {
			m.t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

// damage damages so many objects, each in some way, and returns their names.
func (m *mender) damage(objects []string, n int) []string {
	m.rng.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	ways := []func(*mender, []byte) []byte{
		(*mender).deleted,
		func(_ *mender, data []byte) []byte { return flipped(data) },
		func(_ *mender, data []byte) []byte { return shortened(data) },
		func(*mender, []byte) []byte { return []byte{} },
		func(m *mender, _ []byte) []byte { return m.read(objects[len(objects)-1]) }, // another's, which stays
	}
	for i, name := range objects[:n] {
		m.damageOne(name, ways[i%len(ways)])
	}
	return objects[:n]
}

func (m *mender) deleted([]byte) []byte { return nil }

// damageOne puts something else, or nothing, in the place of an object.
func (m *mender) damageOne(name string, way func(*mender, []byte) []byte) {
	data := way(m, m.read(name))
	err := m.place.store.Delete(m.t.Context(), name)
	if err == nil && data != nil {
		err = m.place.store.Create(m.t.Context(), name, bytes.NewReader(data))
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mender) read(name string) []byte {
	r, err := m.place.store.Open(m.t.Context(), name, 0, -1)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		m.t.Fatal(err)
	}
	return data
}

func (m *mender) program(args ...string) *outcome {
	o := &outcome{source: strings.Join(args, " ")}
	w := m.bench.writer("", "program")
	defer os.RemoveAll(w.temp)
	w.run(m.t.Context(), o, append(args, "--progress", "none")...)
	return o
}

// repairKilled lets repairs begin, and kills them sooner or later.
func (m *mender) repairKilled() (kills int) {
	for range 3 {
		w := m.bench.writer("", "killed")
		stop := time.AfterFunc(time.Duration(m.rng.IntN(150))*time.Millisecond, w.kill)
		o := &outcome{source: "repair"}
		w.run(m.t.Context(), o, "repair", "--all", "--read-data", "--progress", "none")
		stop.Stop()
		_ = os.RemoveAll(w.temp)
		if why := o.crashed(); why != "" {
			m.t.Errorf("%s: the %s", why, o)
		}
		if o.killed {
			kills++
		}
	}
	return kills
}

// wantProblems verifies all archives, and wants these objects named.
func (m *mender) wantProblems(objects []string) {
	o := m.program("verify", "--all", "--read-data", "--json")
	found := map[string]bool{}
	for values := json.NewDecoder(strings.NewReader(o.stdout)); ; {
		var line struct{ Type, ObjectName, Item, Reason string }
		err := values.Decode(&line)
		if err == io.EOF {
			break
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if line.Type == "problem" {
			found[line.ObjectName] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(objects)), slices.Sorted(maps.Keys(found))); diff != "" || (o.status == 0) != (len(objects) == 0) {
		m.t.Errorf("damaged objects (-want +got):\n%sthe %s", diff, o)
	}
}

// objectOf finds the object of an image that shares its bytes with no other.
func (m *mender) objectOf(a *account, id string) string {
	digest, ok := a.bytesOf(id)
	names := slices.DeleteFunc(m.objects(), func(name string) bool { return digestOf(name) != digest.String() })
	if !ok || len(names) != 1 {
		m.t.Fatalf("the objects of image %s are %v", id, names)
	}
	return names[0]
}

// lose deletes an image from the account whose bytes no other has.
func (a *account) lose(p *project, rng *rand.Rand) (id string) {
	for id == "" {
		try := p.order[rng.IntN(len(p.order))]
		if _, single := a.bytesOf(try); single {
			id = try
		}
	}
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		return []string{id}, c.DeleteImages(ctx, p.id, customvision.ImageDeletion{IDs: []string{id}})
	})
	return id
}
