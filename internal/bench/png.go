package bench

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pixels is how many pixels of a PNG a unit of the picture has.
const pixels = 2

// WritePNG draws the result as a picture for documents and chats.
func (r *Result) WritePNG(w io.Writer, title string) error {
	c, err := newRaster()
	if err != nil {
		return err
	}
	r.draw(c, title)
	return png.Encode(w, c.image)
}

// raster is a canvas of pixels.
type raster struct {
	image *image.RGBA
	font  *opentype.Font
	faces map[int]font.Face // by size
}

func newRaster() (*raster, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	return &raster{
		image: image.NewRGBA(image.Rect(0, 0, plotWidth*pixels, plotHeight*pixels)),
		font:  f, faces: make(map[int]font.Face),
	}, nil
}

// paint is a color (#rrggbb) of an opacity.
func paint(hex string, opacity float64) *image.Uniform {
	c := color.NRGBA{A: uint8(math.Round(255 * opacity))}
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &c.R, &c.G, &c.B); err != nil {
		panic(err) // they are all written in this package
	}
	return image.NewUniform(c)
}

func pixel(v float64) int { return int(math.Round(v * pixels)) }

func (c *raster) rect(x, y, width, height float64, color string, opacity float64, _ string) {
	area := image.Rect(pixel(x), pixel(y), pixel(x+width), pixel(y+height))
	draw.Draw(c.image, area, paint(color, opacity), image.Point{}, draw.Over)
}

func (c *raster) line(x1, y1, x2, y2 float64, color string) {
	c.rect(min(x1, x2)-0.5, min(y1, y2)-0.5, math.Abs(x2-x1)+1, math.Abs(y2-y1)+1, color, 1, "")
}

// curve fills a rectangle for each stretch and an octagon at each spot. All turn the
// same way, so that where they overlap is filled too.
func (c *raster) curve(spots []spot, color string) {
	const half = pixels // of the width
	shape := vector.NewRasterizer(c.image.Rect.Dx(), c.image.Rect.Dy())
	fill := func(corners ...spot) {
		for i, p := range corners {
			if i == 0 {
				shape.MoveTo(float32(p.x), float32(p.y))
				continue
			}
			shape.LineTo(float32(p.x), float32(p.y))
		}
		shape.ClosePath()
	}
	for i, p := range spots {
		at := spot{p.x * pixels, p.y * pixels}
		var corners []spot
		for k := range 8 {
			sin, cos := math.Sincos(float64(k) * math.Pi / 4)
			corners = append(corners, spot{at.x + half*cos, at.y + half*sin})
		}
		fill(corners...)
		if i == 0 {
			continue
		}
		from := spot{spots[i-1].x * pixels, spots[i-1].y * pixels}
		length := math.Hypot(at.x-from.x, at.y-from.y)
		if length == 0 {
			continue
		}
		dx, dy := half*(at.x-from.x)/length, half*(at.y-from.y)/length
		fill(spot{from.x + dy, from.y - dx}, spot{at.x + dy, at.y - dx}, spot{at.x - dy, at.y + dx}, spot{from.x - dy, from.y + dx})
	}
	shape.Draw(c.image, c.image.Rect, paint(color, 1), image.Point{})
}

func (c *raster) text(x, y float64, size int, anchor anchor, color, text string) {
	d := font.Drawer{Dst: c.image, Src: paint(color, 1), Face: c.face(size)}
	d.Dot = fixed.P(pixel(x), pixel(y))
	switch length := d.MeasureString(text); anchor {
	case middle:
		d.Dot.X -= length / 2
	case end:
		d.Dot.X -= length
	}
	d.DrawString(text)
}

func (c *raster) face(size int) font.Face {
	if c.faces[size] == nil {
		face, err := opentype.NewFace(c.font, &opentype.FaceOptions{Size: float64(size), DPI: 72 * pixels, Hinting: font.HintingNone})
		if err != nil {
			panic(err) // it fails for no size at all
		}
		c.faces[size] = face
	}
	return c.faces[size]
}
