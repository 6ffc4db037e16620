package main

import (
	"context"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// scriptEdit changes the account that seed made, as people would between two
// backups.
func scriptEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: edit REGION")
	}
	ts.Check(editSmall(ts.Getenv("SERVICE") + "/" + args[0]))
}

// scriptModel has the service make a package of the model that seed trained.
func scriptModel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: model REGION")
	}
	ctx := context.Background()
	c, err := customvision.New(customvision.Options{Endpoint: ts.Getenv("SERVICE") + "/" + args[0], TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	ts.Check(err)
	projects, err := c.Projects(ctx)
	ts.Check(err)
	for _, p := range projects {
		iterations, err := c.Iterations(ctx, p.ID)
		ts.Check(err)
		for _, it := range iterations {
			if it.Trained() {
				_, err = c.ExportIteration(ctx, p.ID, it.ID, "ONNX", "ONNX12")
				ts.Check(err)
			}
		}
	}
}

// editSmall renames a project and a tag, adds a tag and an image, deletes an
// image, and deletes a project.
func editSmall(endpoint string) error {
	ctx := context.Background()
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		return err
	}
	projects, err := c.Projects(ctx)
	if err != nil {
		return err
	}
	named := func(name string) manifest.Project {
		return projects[slices.IndexFunc(projects, func(p manifest.Project) bool { return p.Name == name })]
	}
	if err := c.DeleteProject(ctx, named("Leer, ünïcödé 空").ID); err != nil {
		return err
	}
	p := named("Fruit")
	p.Name = "Fruits"
	if _, err := c.UpdateProject(ctx, p.ID, p); err != nil {
		return err
	}
	tags, err := c.Tags(ctx, p.ID, "")
	if err != nil {
		return err
	}
	apple := tags[slices.IndexFunc(tags, func(t manifest.Tag) bool { return t.Name == "apple" })]
	apple.Name = "Apfel"
	if _, err := c.UpdateTag(ctx, p.ID, apple); err != nil {
		return err
	}
	kiwi, err := c.CreateTag(ctx, p.ID, manifest.Tag{Name: "kiwi", Type: manifest.TagRegular})
	if err != nil {
		return err
	}
	images, err := c.Images(ctx, p.ID, manifest.ImageQuery{Take: 1})
	if err != nil {
		return err
	}
	if err := c.DeleteImages(ctx, p.ID, customvision.ImageDeletion{IDs: []string{images[0].ID}}); err != nil {
		return err
	}
	return upload(ctx, c, p.ID, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "new", Contents: picture(77), TagIDs: []string{kiwi.ID}}}})
}
