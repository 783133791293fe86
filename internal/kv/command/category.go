package command

// Category is a set of the categories by which access control groups commands.
type Category uint16

// The categories that the table names. The others follow from the flags.
const (
	CategoryKeyspace Category = 1 << iota
	CategoryString
	CategoryBitmap
	CategoryAdmin
	CategoryDangerous
	CategoryConnection
	CategoryTransaction
	CategoryBlocking
	CategoryPubSub
	CategoryScripting

	categoryRead
	categoryWrite
	categoryFast
	categorySlow
)

// categoryNames are in the order of Redis.
var categoryNames = []struct {
	category Category
	name     string
}{
	{CategoryKeyspace, "@keyspace"}, {categoryRead, "@read"}, {categoryWrite, "@write"},
	{CategoryString, "@string"}, {CategoryBitmap, "@bitmap"}, {CategoryPubSub, "@pubsub"},
	{CategoryAdmin, "@admin"}, {categoryFast, "@fast"}, {categorySlow, "@slow"},
	{CategoryBlocking, "@blocking"}, {CategoryDangerous, "@dangerous"}, {CategoryConnection, "@connection"},
	{CategoryTransaction, "@transaction"}, {CategoryScripting, "@scripting"},
}

// groupCategories are those of a group's commands that name none themselves.
var groupCategories = map[string]Category{
	"generic":      CategoryKeyspace,
	"string":       CategoryString,
	"bitmap":       CategoryBitmap,
	"connection":   CategoryConnection,
	"transactions": CategoryTransaction,
	"pubsub":       CategoryPubSub,
	"scripting":    CategoryScripting,
}

// Categories returns the command's categories as COMMAND INFO names them.
func (s *Spec) Categories() []string {
	c := s.Category
	if c == 0 && len(s.Subcommands) == 0 {
		c = groupCategories[s.Group]
	}
	for _, f := range []struct {
		flag     Flags
		category Category
	}{
		{Write, categoryWrite}, {ReadOnly, categoryRead}, {Admin, CategoryAdmin | CategoryDangerous}, {Fast, categoryFast},
	} {
		if s.Flags&f.flag != 0 {
			c |= f.category
		}
	}
	if s.Flags&Fast == 0 {
		c |= categorySlow
	}
	var out []string
	for _, n := range categoryNames {
		if c&n.category != 0 {
			out = append(out, n.name)
		}
	}
	return out
}
