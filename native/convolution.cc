// Convolutions for XLA on the CPU through oneDNN, as XLA FFI handlers.
//
// Images and outputs are [b, h, w, c], kernels [h, w, c, o], float32 or
// bfloat16; a bfloat16 convolution takes float32 kernels, too, and gives such
// kernel gradients. How work is split depends on shapes wherever it decides the
// order of a sum, never on the number of threads: results are the same bits on
// one CPU and on many, as long as oneDNN's forward pass treats every image
// alike whatever their number (a test watches that).

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dnnl.hpp"
#include "geometry.h"
#include "parallel.h"
#include "primitives.h"
#include "xla/ffi/api/ffi.h"

namespace suncet {
namespace {

namespace ffi = xla::ffi;
using Pool = ffi::ThreadPool;

// `total` cut into `parts` ranges that differ by at most one.
struct Split {
  int64_t total, parts;
  int64_t begin(int64_t part) const {
    return part * (total / parts) + std::min(part, total % parts);
  }
  int64_t size(int64_t part) const { return begin(part + 1) - begin(part); }
};

char* At(const ffi::AnyBuffer& buffer, int64_t offset) {
  return static_cast<char*>(buffer.untyped_data()) + offset;
}

constexpr size_t kAlignment = 64;  // of the widest vector loads, in bytes

size_t RoundUp(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Uninitialised memory.
class Temporary {
 public:
  explicit Temporary(size_t bytes)
      : data_(std::aligned_alloc(kAlignment,
                                 RoundUp(std::max<size_t>(bytes, 1)))) {
    if (!data_) throw std::bad_alloc();
  }
  ~Temporary() { std::free(data_); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  char* data() const { return static_cast<char*>(data_); }

 private:
  void* data_;
};

// The primitives for the two sizes of part that a split has.
struct TwoSizes {
  Compiled large, small;
  const Compiled& of(const Split& rows, int64_t part) const {
    return rows.size(part) == rows.size(0) ? large : small;
  }
};

// Makes them. Both must want the same layout of the kernel; should oneDNN ever
// choose otherwise, the rows stay in one part.
template <typename Make>
TwoSizes CompileSizes(Split& rows, const Make& make) {
  TwoSizes sizes{make(rows.size(0)), make(rows.size(rows.parts - 1))};
  if (sizes.large.kernel == sizes.small.kernel) return sizes;
  rows.parts = 1;
  return {make(rows.total), make(rows.total)};
}

// Copies a kernel between layouts, on several threads where the second layout
// can be cut along `axis` (0 features, 1 channels), which should be its
// outermost.
void ReorderKernel(Pool& pool, const Layout& from, void* source,
                   const Layout& to, void* target, int axis) {
  constexpr int64_t kPart = 64;  // a multiple of most blocks of oneDNN
  const Dims dims = to.get_dims();
  Dims size = dims, offset(dims.size(), 0);
  size[axis] = kPart;
  constexpr bool kOrEmpty = true;
  if (dims[axis] % kPart || !to.submemory_desc(size, offset, kOrEmpty)) {
    return Reorder(from, source, to, target);
  }
  ParallelFor(pool, dims[axis] / kPart, [&](int64_t part) {
    Dims begin = offset;
    begin[axis] = part * kPart;
    Reorder(from.submemory_desc(size, begin), source,
            to.submemory_desc(size, begin), target);
  });
}

// Forward or image gradient: both treat every image for itself.
struct RowWise {
  Compiled (*compile)(const Geometry&, int64_t rows);
  int images_name, outputs_name;  // DNNL_ARG_...
  int kernel_axis;                // the outermost of the kernel's layout
};

void RunRowWise(Pool& pool, const RowWise& kind, const Geometry& geometry,
                const ffi::AnyBuffer& images, const ffi::AnyBuffer& kernel,
                const ffi::AnyBuffer& outputs) {
  // More parts than threads, so that a thread that comes late is no loss.
  const int64_t wanted = 4 * std::max<int64_t>(pool.num_threads(), 1);
  Split rows{geometry.batch(), std::min(geometry.batch(), wanted)};
  SingleThreaded single_threaded;
  const TwoSizes runs = CompileSizes(rows, [&](int64_t size) {
    return kind.compile(geometry, size);
  });
  const Compiled& large = runs.large;
  const Layout given(geometry.kernel, geometry.kernel_dtype, Tag::hwio);
  Temporary wanted_kernel(large.kernel.get_size());
  ReorderKernel(pool, given, kernel.untyped_data(), large.kernel,
                wanted_kernel.data(), kind.kernel_axis);
  ParallelFor(pool, rows.parts, [&](int64_t part) {
    const Compiled& run = runs.of(rows, part);
    const int64_t begin = rows.begin(part);
    Execute(run, {{kind.images_name, run.images,
                   At(images, begin * geometry.image_bytes())},
                  {DNNL_ARG_WEIGHTS, run.kernel, wanted_kernel.data()},
                  {kind.outputs_name, run.outputs,
                   At(outputs, begin * geometry.output_bytes())}});
  });
}

int64_t Size(const Dims& dims) {
  int64_t size = 1;
  for (int64_t length : dims) size *= length;
  return size;
}

// How the work of a kernel gradient is cut. A part of the rows needs a sum of
// the kernel's size, a part of the features a copy of its outputs. So the rows
// are cut where the kernel is small beside the images, otherwise the features,
// into equal parts of whole blocks.
struct KernelParts {
  Split rows, features;
  explicit KernelParts(const Geometry& geometry) {
    constexpr int64_t kMostRows = 16, kWanted = 8, kFewestFeatures = 64;
    const int64_t pixels = Size(geometry.images) + Size(geometry.outputs);
    const int64_t affordable = pixels / (2 * Size(geometry.kernel));
    // A power of two, so that two or four threads get equal shares.
    int64_t count = 1;
    while (2 * count <= std::min(affordable, kMostRows)) count *= 2;
    rows = {geometry.batch(), std::min(count, geometry.batch())};
    const int64_t out = geometry.kernel[0];
    features = {out, 1};
    const int64_t most = std::min(kWanted / rows.parts, out / kFewestFeatures);
    for (count = 2; count <= most; ++count) {
      if (out % (count * kFewestFeatures) == 0) features.parts = count;
    }
  }
};

// Returns rows and features of a part of the output gradients without gaps,
// in `copy` if they have any where they are.
char* Gather(const Geometry& geometry, const ffi::AnyBuffer& outputs,
             const KernelParts& parts, int64_t row, int64_t feature,
             char* copy) {
  char* source =
      At(outputs, parts.rows.begin(row) * geometry.output_bytes());
  if (parts.features.parts == 1) return source;
  const int64_t bytes = geometry.dtype_bytes();
  const int64_t stride = geometry.kernel[0] * bytes;
  const int64_t width = parts.features.size(feature) * bytes;
  source += parts.features.begin(feature) * bytes;
  const int64_t pixels =
      parts.rows.size(row) * geometry.outputs[2] * geometry.outputs[3];
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    std::memcpy(copy + pixel * width, source + pixel * stride, width);
  }
  return copy;
}

void AddInto(float* sum, const float* term, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sum[i] += term[i];
}

void RunKernelGradient(Pool& pool, const Geometry& geometry,
                       const ffi::AnyBuffer& images,
                       const ffi::AnyBuffer& outputs,
                       const ffi::AnyBuffer& gradient) {
  KernelParts parts(geometry);
  Split& rows = parts.rows;
  const Split& features = parts.features;
  SingleThreaded single_threaded;
  const TwoSizes runs = CompileSizes(rows, [&](int64_t size) {
    return KernelGradient(geometry, size, features.size(0));
  });
  const Compiled& large = runs.large;
  const size_t sum_bytes = RoundUp(large.kernel.get_size());
  const size_t copy_bytes =
      features.parts == 1 ? 0 : RoundUp(large.outputs.get_size());
  Temporary sums(sum_bytes * rows.parts * features.parts);
  Temporary copies(copy_bytes * rows.parts * features.parts);
  ParallelFor(pool, rows.parts * features.parts, [&](int64_t part) {
    const int64_t row = part / features.parts, feature = part % features.parts;
    const Compiled& run = runs.of(rows, row);
    char* wanted = Gather(geometry, outputs, parts, row, feature,
                          copies.data() + part * copy_bytes);
    Execute(run, {{DNNL_ARG_SRC, run.images,
                   At(images, rows.begin(row) * geometry.image_bytes())},
                  {DNNL_ARG_DIFF_DST, run.outputs, wanted},
                  {DNNL_ARG_DIFF_WEIGHTS, run.kernel,
                   sums.data() + part * sum_bytes}});
  });
  const Layout whole(geometry.kernel, geometry.kernel_dtype, Tag::hwio);
  ParallelFor(pool, features.parts, [&](int64_t feature) {
    float* sum = reinterpret_cast<float*>(sums.data() + feature * sum_bytes);
    const int64_t step = features.parts * sum_bytes / sizeof(float);
    for (int64_t row = 1; row < rows.parts; ++row) {
      AddInto(sum, sum + row * step, large.kernel.get_size() / sizeof(float));
    }
    Dims size = geometry.kernel, offset(4, 0);
    size[0] = features.size(feature);
    offset[0] = features.begin(feature);
    Reorder(large.kernel, sum, whole.submemory_desc(size, offset),
            gradient.untyped_data());
  });
}

// Reads the geometry, runs `body` and turns whatever it throws into an error.
template <typename Body>
ffi::Error Guarded(const ffi::AnyBuffer& images, const ffi::AnyBuffer& kernel,
                   const ffi::AnyBuffer& outputs, Integers strides,
                   Integers padding, const Body& body) {
  Geometry geometry;
  if (auto fault = ReadGeometry(images, kernel, outputs, strides, padding,
                                &geometry)) {
    return ffi::Error::InvalidArgument("suncet_jax convolution: " + *fault);
  }
  try {
    body(geometry);
  } catch (const dnnl::error& error) {
    return ffi::Error::Internal(std::string("oneDNN: ") + error.what() +
                                " (status " + std::to_string(error.status) +
                                "); model.convolution='xla' avoids it");
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("suncet_jax convolution: ") +
                                error.what());
  }
  return ffi::Error::Success();
}

ffi::Error ForwardHandler(Pool pool, ffi::AnyBuffer images,
                          ffi::AnyBuffer kernel,
                          ffi::Result<ffi::AnyBuffer> outputs,
                          Integers strides, Integers padding) {
  return Guarded(images, kernel, *outputs, strides, padding,
                 [&](const Geometry& geometry) {
                   static constexpr RowWise kForward = {
                       Forward, DNNL_ARG_SRC, DNNL_ARG_DST, 0};
                   RunRowWise(pool, kForward, geometry, images, kernel,
                              *outputs);
                 });
}

ffi::Error ImageGradientHandler(Pool pool, ffi::AnyBuffer outputs,
                                ffi::AnyBuffer kernel,
                                ffi::Result<ffi::AnyBuffer> images,
                                Integers strides, Integers padding) {
  return Guarded(*images, kernel, outputs, strides, padding,
                 [&](const Geometry& geometry) {
                   static constexpr RowWise kGradient = {
                       ImageGradient, DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, 1};
                   RunRowWise(pool, kGradient, geometry, *images, kernel,
                              outputs);
                 });
}

ffi::Error KernelGradientHandler(Pool pool, ffi::AnyBuffer images,
                                 ffi::AnyBuffer outputs,
                                 ffi::Result<ffi::AnyBuffer> kernel,
                                 Integers strides, Integers padding) {
  return Guarded(images, *kernel, outputs, strides, padding,
                 [&](const Geometry& geometry) {
                   RunKernelGradient(pool, geometry, images, outputs, *kernel);
                 });
}

}  // namespace
}  // namespace suncet

#define SUNCET_HANDLER(name, function)                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                \
      name, suncet::function,                                   \
      xla::ffi::Ffi::Bind()                                     \
          .Ctx<xla::ffi::ThreadPool>()                          \
          .Arg<xla::ffi::AnyBuffer>()                           \
          .Arg<xla::ffi::AnyBuffer>()                           \
          .Ret<xla::ffi::AnyBuffer>()                           \
          .Attr<suncet::Integers>("strides")                    \
          .Attr<suncet::Integers>("padding"))

SUNCET_HANDLER(suncet_convolution, ForwardHandler);
SUNCET_HANDLER(suncet_convolution_image_gradient, ImageGradientHandler);
SUNCET_HANDLER(suncet_convolution_kernel_gradient, KernelGradientHandler);

// What a user may want to know.
extern "C" const char* suncet_onednn_version() {
  const dnnl::version_t* version = dnnl::version();
  static const std::string text = std::to_string(version->major) + "." +
                                  std::to_string(version->minor) + "." +
                                  std::to_string(version->patch);
  return text.c_str();
}
