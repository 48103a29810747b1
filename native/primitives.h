// oneDNN's three convolutions for a part of the rows.

#ifndef SUNCET_JAX_NATIVE_PRIMITIVES_H_
#define SUNCET_JAX_NATIVE_PRIMITIVES_H_

#include <cstdlib>
#include <new>
#include <unordered_map>

#include "dnnl.hpp"
#include "geometry.h"

namespace suncet {

using Memory = dnnl::memory;
using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

inline const dnnl::engine& Engine() {
  // Never destroyed: XLA's threads may still run when statics are.
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

// Working memory of a primitive: one block for each thread that grows and is
// kept, since fresh pages cost more than the work that is done in them.
inline void* Scratch(size_t bytes) {
  struct Block {
    void* data = nullptr;
    size_t size = 0;
    ~Block() { std::free(data); }
  };
  static thread_local Block block;
  if (bytes > block.size) {
    constexpr size_t kPage = 4096;
    const size_t size = (bytes + kPage - 1) / kPage * kPage;
    std::free(block.data);
    block.size = 0;
    block.data = std::aligned_alloc(kPage, size);
    if (!block.data) throw std::bad_alloc();
    block.size = size;
  }
  return block.data;
}

// Makes a primitive take its working memory from `Scratch`. oneDNN's own belongs
// to the thread that made the primitive, not to the one that runs it.
inline dnnl::primitive_attr OwnScratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

// A primitive and the layouts it wants. oneDNN caches what is expensive to
// make, so these are made anew for every call.
struct Compiled {
  dnnl::primitive primitive;
  Layout images, kernel, outputs, scratch;
};

template <typename Description>
Compiled Compile(const Description& description, const Layout& images,
                 const Layout& kernel, const Layout& outputs) {
  return {dnnl::primitive(description.get()), images, kernel, outputs,
          description.scratchpad_desc()};
}

struct Argument {
  int name;  // DNNL_ARG_...
  const Layout& layout;
  void* data;
};

// Runs a primitive on the calling thread.
inline void Execute(const Compiled& compiled,
                    std::initializer_list<Argument> arguments) {
  thread_local dnnl::stream stream(Engine());
  std::unordered_map<int, Memory> memories;
  for (const Argument& argument : arguments) {
    memories.emplace(argument.name,
                     Memory(argument.layout, Engine(), argument.data));
  }
  memories.emplace(DNNL_ARG_SCRATCHPAD,
                   Memory(compiled.scratch, Engine(),
                          Scratch(compiled.scratch.get_size())));
  compiled.primitive.execute(stream, memories);
  stream.wait();
}

// Copies between layouts on the calling thread.
inline void Reorder(const Layout& from, void* source, const Layout& to,
                    void* target) {
  const dnnl::reorder::primitive_desc description(Engine(), from, Engine(), to,
                                                  OwnScratch());
  const Compiled copy = Compile(description, from, {}, to);
  Execute(copy, {{DNNL_ARG_FROM, from, source}, {DNNL_ARG_TO, to, target}});
}

// The layouts of a part of a convolution: `rows` images, `features` outputs.
struct Part {
  Layout images, kernel, outputs;
  Part(const Geometry& geometry, int64_t rows, int64_t features) {
    Dims x = geometry.images, w = geometry.kernel, y = geometry.outputs;
    x[0] = y[0] = rows;
    w[0] = y[1] = features;
    images = Layout(x, geometry.dtype, Tag::nhwc);
    kernel = Layout(w, geometry.dtype, Tag::any);
    outputs = Layout(y, geometry.dtype, Tag::nhwc);
  }
};

inline dnnl::convolution_forward::primitive_desc ForwardDescription(
    const Geometry& geometry, const Part& part) {
  return {Engine(),
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          part.images,
          part.kernel,
          part.outputs,
          geometry.strides,
          geometry.pad_low,
          geometry.pad_high,
          OwnScratch()};
}

inline Compiled Forward(const Geometry& geometry, int64_t rows) {
  const Part part(geometry, rows, geometry.kernel[0]);
  const auto description = ForwardDescription(geometry, part);
  return Compile(description, description.src_desc(),
                 description.weights_desc(), description.dst_desc());
}

inline Compiled ImageGradient(const Geometry& geometry, int64_t rows) {
  const Part part(geometry, rows, geometry.kernel[0]);
  const dnnl::convolution_backward_data::primitive_desc description(
      Engine(), dnnl::algorithm::convolution_direct, part.images, part.kernel,
      part.outputs, geometry.strides, geometry.pad_low, geometry.pad_high,
      ForwardDescription(geometry, part), OwnScratch());
  return Compile(description, description.diff_src_desc(),
                 description.weights_desc(), description.diff_dst_desc());
}

// Of a range of the features only; the gradient is float32, so that parts of
// the rows can be added without rounding each.
inline Compiled KernelGradient(const Geometry& geometry, int64_t rows,
                               int64_t features) {
  const Part part(geometry, rows, features);
  const Layout gradient(part.kernel.get_dims(), Memory::data_type::f32,
                        Tag::any);
  const dnnl::convolution_backward_weights::primitive_desc description(
      Engine(), dnnl::algorithm::convolution_direct, part.images, gradient,
      part.outputs, geometry.strides, geometry.pad_low, geometry.pad_high,
      ForwardDescription(geometry, part), OwnScratch());
  return Compile(description, description.src_desc(),
                 description.diff_weights_desc(), description.diff_dst_desc());
}

}  // namespace suncet

#endif  // SUNCET_JAX_NATIVE_PRIMITIVES_H_
