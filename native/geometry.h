// The shapes of one convolution, checked, in oneDNN's order of axes.

#ifndef SUNCET_JAX_NATIVE_GEOMETRY_H_
#define SUNCET_JAX_NATIVE_GEOMETRY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "dnnl.hpp"
#include "xla/ffi/api/ffi.h"

namespace suncet {

using Dims = dnnl::memory::dims;
using Integers = xla::ffi::Span<const int64_t>;

// What all three kernels share. Axes are oneDNN's (images b c h w; kernels
// o i h w), whatever the layout in memory.
struct Geometry {
  dnnl::memory::data_type dtype;         // of images, outputs and products
  dnnl::memory::data_type kernel_dtype;  // in memory: `dtype` or float32
  Dims images;
  Dims kernel;
  Dims outputs;
  Dims strides;   // of rows, of columns
  Dims pad_low;   // top, left
  Dims pad_high;  // bottom, right

  int64_t batch() const { return images[0]; }
  int64_t dtype_bytes() const {
    return static_cast<int64_t>(dnnl::memory::data_type_size(dtype));
  }
  int64_t image_bytes() const {
    return images[1] * images[2] * images[3] * dtype_bytes();
  }
  int64_t output_bytes() const {
    return outputs[1] * outputs[2] * outputs[3] * dtype_bytes();
  }
};

inline std::string ToString(Integers shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

// Reads and checks the shapes of images [b, h, w, c], kernel [h, w, c, o] and
// outputs [b, h, w, o]. Returns what is wrong, if anything is.
inline std::optional<std::string> ReadGeometry(
    const xla::ffi::AnyBuffer& images, const xla::ffi::AnyBuffer& kernel,
    const xla::ffi::AnyBuffer& outputs, Integers strides, Integers padding,
    Geometry* geometry) {
  const Integers x = images.dimensions(), w = kernel.dimensions(),
                 y = outputs.dimensions();
  const std::string shapes = "images " + ToString(x) + ", kernel " +
                             ToString(w) + ", outputs " + ToString(y) +
                             ", strides " + ToString(strides) + ", padding " +
                             ToString(padding);
  const auto type = images.element_type();
  const auto kernel_type = kernel.element_type();
  if (outputs.element_type() != type ||
      (kernel_type != type && kernel_type != xla::ffi::F32)) {
    return "images and outputs must have one dtype, the kernel that or float32;"
           " got " +
           shapes;
  }
  if (type == xla::ffi::F32) {
    geometry->dtype = dnnl::memory::data_type::f32;
  } else if (type == xla::ffi::BF16) {
    geometry->dtype = dnnl::memory::data_type::bf16;
  } else {
    return "the dtype must be float32 or bfloat16; got " + shapes;
  }
  geometry->kernel_dtype = kernel_type == type
                               ? geometry->dtype
                               : dnnl::memory::data_type::f32;
  if (x.size() != 4 || w.size() != 4 || y.size() != 4) {
    return "images, kernel and outputs must have four axes; got " + shapes;
  }
  if (strides.size() != 2 || padding.size() != 4) {
    return "expected two strides and four paddings; got " + shapes;
  }
  if (x[3] != w[2] || y[3] != w[3] || x[0] != y[0]) {
    return "channels or batches do not fit together; got " + shapes;
  }
  for (const Integers& shape : {x, w, y}) {
    for (int64_t length : shape) {
      if (length < 1) return "no axis may be empty; got " + shapes;
    }
  }
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t low = padding[2 * axis], high = padding[2 * axis + 1];
    const int64_t room = x[1 + axis] + low + high - w[axis];
    if (strides[axis] < 1 || low < 0 || high < 0 || room < 0 ||
        room / strides[axis] + 1 != y[1 + axis]) {
      return "outputs do not follow from images, kernel, strides and padding;"
             " got " +
             shapes;
    }
  }
  geometry->images = {x[0], x[3], x[1], x[2]};
  geometry->kernel = {w[3], w[2], w[0], w[1]};
  geometry->outputs = {y[0], y[3], y[1], y[2]};
  geometry->strides = {strides[0], strides[1]};
  geometry->pad_low = {padding[0], padding[2]};
  geometry->pad_high = {padding[1], padding[3]};
  return std::nullopt;
}

}  // namespace suncet

#endif  // SUNCET_JAX_NATIVE_GEOMETRY_H_
