package simulator

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"
)

func (p *project) tagOfType(typ string) *tag {
	if i := slices.IndexFunc(p.Tags, func(t *tag) bool { return t.Type == typ }); i >= 0 {
		return p.Tags[i]
	}
	return nil
}

// scope is what a call with an optional iterationId looks at.
type scope struct {
	images *imageSet
	tags   []*tag
}

// scope returns the workspace, or the iteration that the query names as it
// was trained. An iteration without images of its own shows the workspace.
func (c *call) scope() (scope, error) {
	id := c.query["iterationid"]
	if id == "" {
		return scope{c.p.Workspace, c.p.Tags}, nil
	}
	it := c.p.iteration(normalID(id))
	if it == nil {
		return scope{}, refuse("NotFoundIteration", "The iteration %s does not exist.", id)
	}
	if it == c.p.Next {
		return scope{c.p.Workspace, c.p.Tags}, nil
	}
	return scope{it.Images, it.Tags}, nil
}

func (s scope) wireTag(t *tag, counts map[string]int) wireTag {
	return wireTag{ID: t.ID, Name: t.Name, Description: t.Description, Type: t.Type, ImageCount: counts[t.ID]}
}

func (s scope) countTags() map[string]int {
	counts := map[string]int{}
	for im := range s.images.all {
		for _, t := range im.Tags {
			counts[t.TagID]++
		}
	}
	return counts
}

func getTags(c *call) (int, any, error) {
	s, err := c.scope()
	if err != nil {
		return 0, nil, err
	}
	list, counts := []wireTag{}, s.countTags()
	for _, t := range s.tags {
		list = append(list, s.wireTag(t, counts))
	}
	return 200, list, nil
}

func getTag(c *call) (int, any, error) {
	s, err := c.scope()
	if err != nil {
		return 0, nil, err
	}
	t := findTag(s.tags, c.vars["tag"])
	if t == nil {
		return 0, nil, c.noTag()
	}
	return 200, s.wireTag(t, s.countTags()), nil
}

func (c *call) noTag() error {
	return refuse("NotFoundTag", "The tag %s does not exist.", c.vars["tag"])
}

// checkTag refuses a tag that breaks the project's rules; except is the tag
// that is being changed, nil for a new one.
func (c *call) checkTag(name, typ string, except *tag) error {
	if strings.TrimSpace(name) == "" {
		return refuse("BadRequestTagName", "The tag name is invalid.")
	}
	for _, t := range c.p.Tags {
		switch {
		case t == except:
		case t.Name == name:
			return refuse("BadRequestTagNameNotUnique", "The tag name %q is taken.", name)
		case typ == tagNegative && t.Type == typ:
			return refuse("BadRequestMultipleNegativeTag", "The project has a negative tag already.")
		case typ == tagProduct && t.Type == typ:
			return refuse("BadRequestMultipleGeneralProductTag", "The project has a general product tag already.")
		}
	}
	return nil
}

func createTag(c *call) (int, any, error) {
	typ, err := c.oneOf("type", "BadRequestTagType", tagRegular, tagNegative, tagProduct)
	if err != nil {
		return 0, nil, err
	}
	name := c.query["name"]
	if err := c.checkTag(name, typ, nil); err != nil {
		return 0, nil, err
	}
	if limit := c.r.opt.Limits.TagsPerProject; len(c.p.Tags) >= limit {
		return 0, nil, refuse("BadRequestExceedTagPerProjectLimit", "The limit of %d tags has been reached.", limit)
	}
	t := &tag{ID: uuid.NewString(), Name: name, Type: typ}
	if d, ok := c.query["description"]; ok {
		t.Description = &d
	}
	c.p.Tags = append(c.p.Tags, t)
	c.p.changed(c.now)
	return 200, scope{}.wireTag(t, nil), nil
}

func updateTag(c *call) (int, any, error) {
	old := c.p.tag(c.vars["tag"])
	if old == nil {
		return 0, nil, c.noTag()
	}
	var present map[string]json.RawMessage
	var in struct {
		Name, Description, Type *string
	}
	for _, v := range []any{&in, &present} {
		if err := c.decode(v, "BadRequest", "The tag could not be read."); err != nil {
			return 0, nil, err
		}
	}
	if _, ok := present["description"]; in.Name == nil || in.Type == nil || !ok {
		return 0, nil, refuse("BadRequestRequiredParamIsNull", "name, description and type are required.")
	}
	types := []string{tagRegular, tagNegative, tagProduct}
	if !slices.Contains(types, *in.Type) {
		return 0, nil, refuse("BadRequestTagType", "The tag type %q is unknown.", *in.Type)
	}
	if err := c.checkTag(*in.Name, *in.Type, old); err != nil {
		return 0, nil, err
	}
	// Iterations keep the tag as it was: put a new one in its place.
	t := &tag{ID: old.ID, Name: *in.Name, Type: *in.Type, Description: in.Description}
	c.p.Tags = slices.Clone(c.p.Tags)
	c.p.Tags[slices.Index(c.p.Tags, old)] = t
	c.p.changed(c.now)
	s := scope{c.p.Workspace, c.p.Tags}
	return 200, s.wireTag(t, s.countTags()), nil
}

func deleteTag(c *call) (int, any, error) {
	t := c.p.tag(c.vars["tag"])
	if t == nil {
		return 0, nil, c.noTag()
	}
	c.p.Tags = slices.DeleteFunc(slices.Clone(c.p.Tags), func(x *tag) bool { return x == t })
	for im := range c.p.Workspace.all {
		if im.hasTag(t.ID) || slices.ContainsFunc(im.Regions, func(r region) bool { return r.TagID == t.ID }) {
			e := im.edit()
			e.removeTag(t.ID)
			c.p.Workspace.put(e)
		}
	}
	c.p.changed(c.now)
	return 204, nil, nil
}
