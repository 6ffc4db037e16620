package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"net/http"
	"strings"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// seedSmall fills a resource with an account that is small and has one of
// everything: classification with a negative tag, metadata, an untagged
// image and a published iteration; detection with regions; an empty project.
func seedSmall(endpoint string) error { return seedSmallWithKey(endpoint, testKey) }

func seedSmallWithKey(endpoint, key string) error {
	ctx := context.Background()
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(key), CallsPerSecond: -1})
	if err != nil {
		return err
	}
	domains, err := c.Domains(ctx)
	if err != nil {
		return err
	}
	domain := map[string]string{}
	for _, d := range domains {
		if d.Name == "General" || d.Name == "General (compact)" {
			domain[d.Type+d.Name] = d.ID
		}
	}
	if err := seedFruit(ctx, c, domain[manifest.Classification+"General (compact)"]); err != nil {
		return fmt.Errorf("fruit: %w", err)
	}
	if err := seedBoxes(ctx, c, domain[manifest.ObjectDetection+"General"]); err != nil {
		return fmt.Errorf("boxes: %w", err)
	}
	_, err = c.CreateProject(ctx, manifest.NewProject{Name: "Leer, ünïcödé 空", DomainID: domain[manifest.ObjectDetection+"General"]})
	return err
}

// seedMany fills a resource with one project of n tiny images.
func seedMany(endpoint string, n int) error {
	ctx := context.Background()
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		return err
	}
	domains, err := c.Domains(ctx)
	if err != nil {
		return err
	}
	p, err := c.CreateProject(ctx, manifest.NewProject{Name: "Many", DomainID: domains[0].ID})
	for done := 0; err == nil && done < n; {
		var batch manifest.ImageBatch
		for range min(n-done, manifest.MaxBatch) {
			batch.Images = append(batch.Images, manifest.NewImage{Name: fmt.Sprint(done), Contents: dot(done)})
			done++
		}
		err = upload(ctx, c, p.ID, batch)
	}
	return err
}

// dot is a GIF of a few pixels, another for every n.
func dot(n int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 16, 4), color.Palette{color.Black, color.White})
	for i := range 16 {
		img.SetColorIndex(i, 1, uint8(n>>i&1))
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func seedFruit(ctx context.Context, c *customvision.Client, domain string) error {
	p, err := c.CreateProject(ctx, manifest.NewProject{Name: "Fruit", Description: "what lies on the tray", DomainID: domain, ClassificationType: "Multiclass"})
	if err != nil {
		return err
	}
	var tags []manifest.Tag
	for _, t := range []manifest.Tag{
		{Name: "apple", Type: manifest.TagRegular, Description: "any kind"},
		{Name: "pear", Type: manifest.TagRegular},
		{Name: "nothing", Type: manifest.TagNegative},
	} {
		created, err := c.CreateTag(ctx, p.ID, t)
		if err != nil {
			return err
		}
		tags = append(tags, created)
	}
	batch := manifest.ImageBatch{Metadata: map[string]string{"camera": "till 1"}}
	for i := range 15 {
		batch.Images = append(batch.Images, manifest.NewImage{Name: fmt.Sprint(i), Contents: picture(i), TagIDs: []string{tags[i%3].ID}})
	}
	if err := upload(ctx, c, p.ID, batch); err != nil {
		return err
	}
	if err := upload(ctx, c, p.ID, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "untagged", Contents: picture(40)}}}); err != nil {
		return err
	}
	it, err := c.Train(ctx, p.ID, manifest.TrainOptions{})
	if err != nil {
		return err
	}
	// The training ends as the service's clock goes on.
	resp, err := http.Post(c.Endpoint()[:strings.LastIndex(c.Endpoint(), "/")]+"/_simulator/advance?by=1s", "", nil)
	if err != nil {
		return err
	}
	if resp.Body.Close(); resp.StatusCode/100 != 2 {
		return fmt.Errorf("advance the clock: %s", resp.Status)
	}
	return c.Publish(ctx, p.ID, it.ID, "till", "/subscriptions/0/prediction", false)
}

func seedBoxes(ctx context.Context, c *customvision.Client, domain string) error {
	p, err := c.CreateProject(ctx, manifest.NewProject{Name: "Boxes", DomainID: domain})
	if err != nil {
		return err
	}
	tag, err := c.CreateTag(ctx, p.ID, manifest.Tag{Name: "box", Type: manifest.TagRegular})
	if err != nil {
		return err
	}
	var batch manifest.ImageBatch
	for i := range 4 {
		batch.Images = append(batch.Images, manifest.NewImage{Name: fmt.Sprint(i), Contents: picture(100 + i), Regions: []manifest.Region{
			{TagID: tag.ID, Left: "0.1", Top: "0.25", Width: "0.5", Height: "0.125"},
			{TagID: tag.ID, Left: "0.5", Top: "0.5", Width: "0.25", Height: "0.3"},
		}})
	}
	return upload(ctx, c, p.ID, batch)
}

func upload(ctx context.Context, c *customvision.Client, project string, b manifest.ImageBatch) error {
	s, err := c.CreateImagesFromFiles(ctx, project, b)
	if err != nil {
		return err
	}
	for _, r := range s.Images {
		if r.Status != manifest.ImageOK {
			return fmt.Errorf("image %s: %s", r.SourceURL, r.Status)
		}
	}
	return nil
}

// picture is a PNG of 300 by 300 pixels, another for every n.
func picture(n int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 300, 300), color.Palette{color.Black, color.RGBA{uint8(n * 37), uint8(n * 91), uint8(n), 255}})
	for i := range img.Pix {
		img.Pix[i] = uint8((i / (n + 2)) & 1)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}
