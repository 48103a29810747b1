"""Small programs as XLA's compilers write them, shortened."""

_HEAD = """\
HloModule jit_step, is_scheduled=true

FileNames
1 "/home/me/suncet_jax/models/blocks.py"
2 "/home/me/suncet_jax/train/step.py"
3 "/venv/site-packages/optax/tree_utils/_tree_math.py"
4 "/home/me/suncet_jax/data/augment/blend.py"

FunctionNames
1 "Block.__call__"
2 "make_step.<locals>.step"
3 "tree_norm"
4 "blend"
5 "_advance"

FileLocations
1 {file_name_id=2 function_name_id=2 line=77 end_line=77 column=3}
2 {file_name_id=1 function_name_id=1 line=48 end_line=48 column=3}
3 {file_name_id=2 function_name_id=2 line=98 end_line=98 column=3}
4 {file_name_id=3 function_name_id=3 line=293 end_line=293 column=3}
5 {file_name_id=4 function_name_id=4 line=60 end_line=60 column=3}
6 {file_name_id=2 function_name_id=5 line=181 end_line=181 column=3}

StackFrames
1 {file_location_id=1 parent_frame_id=1}
2 {file_location_id=2 parent_frame_id=2}
3 {file_location_id=3 parent_frame_id=1}
4 {file_location_id=4 parent_frame_id=4}
5 {file_location_id=5 parent_frame_id=2}
6 {file_location_id=6 parent_frame_id=1}

"""

TPU = (
  _HEAD
  + """\
%fused (p: bf16[128,64], q: bf16[64,32]) -> bf16[128,32] {
  %p = bf16[128,64]{1,0:T(8,128)(2,1)} parameter(0)
  %q = bf16[64,32]{1,0:T(8,128)(2,1)} parameter(1)
  ROOT %conv = bf16[128,32]{1,0} convolution(%p, %q), dim_labels=bf_io->bf
}

%begun (g: f32[32,8]) -> (f32[32,8], f32[128,8]) {
  %g = f32[32,8]{1,0} parameter(0)
  %gather = f32[128,8]{1,0} all-gather(%g), channel_id=1, \
replica_groups={{0,1,2,3}}, dimensions={0}, backend_config=\
{"async_collective_fusion_config":{"flag_start":"-1","flag_end":"-1"}}
  ROOT %both = (f32[32,8]{1,0}, f32[128,8]{1,0}) custom-call(%gather), \
custom_call_target="AsyncCollectiveStart"
}

%continued (g.1: f32[32,8]) -> f32[128,8] {
  %g.1 = f32[32,8]{1,0} parameter(0)
  ROOT %gather.1 = f32[128,8]{1,0} all-gather(%g.1), channel_id=1, \
replica_groups={{0,1,2,3}}, dimensions={0}, backend_config=\
{"async_collective_fusion_config":{"flag_start":"2","flag_end":"8"}}
}

%body (state: (s32[], f32[8])) -> (s32[], f32[8]) {
  %state = (s32[]{:T(128)}, f32[8]{0:T(128)}) parameter(0)
  %blended = f32[8]{0:T(128)} fusion(%state), kind=kLoop, calls=%fused, \
metadata={op_name="jit(step)/jit(augment)/while/body/mul" stack_frame_id=5}, \
backend_config={"window_config":{"estimated_cycles":"1000"}}
  ROOT %next = (s32[]{:T(128)}, f32[8]{0:T(128)}) tuple(%i, %blended)
}

%condition (state.1: (s32[], f32[8])) -> pred[] {
  %limit = s32[]{:T(128)} constant(3)
  %state.1 = (s32[]{:T(128)}, f32[8]{0:T(128)}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%state.1), index=0
  ROOT %less = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

ENTRY %main (x: bf16[128,64], w: bf16[64,32]) -> bf16[128,32] {
  %x = bf16[128,64]{1,0:T(8,128)(2,1)} parameter(0)
  %w = bf16[64,32]{1,0:T(8,128)(2,1)} parameter(1)
  %init = (s32[]{:T(128)}, f32[8]{0:T(128)}) tuple(%zero, %ones)
  %loop = (s32[]{:T(128)}, f32[8]{0:T(128)}) while(%init), \
condition=%condition, body=%body
  %forward = bf16[128,32]{1,0} fusion(%x, %w), kind=kOutput, calls=%fused, \
metadata={op_name="jit(step)/jvp(ResNet)/block/conv" stack_frame_id=2}, \
backend_config={"window_config":{"estimated_cycles":"4000"}}
  %backward = bf16[128,32]{1,0} fusion(%x, %w), kind=kOutput, calls=%fused, \
metadata={op_name="jit(step)/transpose(jvp(ResNet))/block/conv" \
stack_frame_id=2}, backend_config={"window_config":{"estimated_cycles":"9000"}}
  %norm = f32[]{:T(128)} fusion(%x), kind=kLoop, calls=%fused, \
metadata={op_name="jit(step)/reduce_sum" stack_frame_id=4}, \
backend_config={"window_config":{"estimated_cycles":"500"}}
  %update = f32[8]{0} fusion(%x), kind=kLoop, calls=%fused, \
metadata={op_name="jit(step)/add" stack_frame_id=6}, \
backend_config={"window_config":{"estimated_cycles":"200"}}
  %sent = f32[8]{0} all-reduce(%update), channel_id=2, \
replica_groups={{0,1,2,3}}, to_apply=%sum
  %start = (f32[32,8]{1,0}, f32[128,8]{1,0}) fusion(%e), calls=%begun
  %goes = f32[128,8]{1,0} fusion(%start), calls=%continued
  ROOT %out = bf16[128,32]{1,0} copy(%forward)
}
"""
)

GPU = """\
HloModule jit_step, is_scheduled=true

%gathered (table: f32[1000,64], at: s32[4]) -> f32[4,64] {
  %table = f32[1000,64]{1,0} parameter(0)
  %at = s32[4]{0} parameter(1)
  ROOT %rows = f32[4,64]{1,0} gather(%table, %at), slice_sizes={1,64}
}

ENTRY %main (x: bf16[8,16,16,32]) -> bf16[8,8,8,64] {
  %x = bf16[8,16,16,32]{3,2,1,0} parameter(0)
  %k = bf16[64,3,3,32]{3,2,1,0} parameter(1)
  %dy = bf16[8,8,8,64]{3,2,1,0} parameter(2)
  %t = f32[1000,64]{1,0} parameter(3)
  %n = s32[4]{0} parameter(4)
  %forward = (bf16[8,8,8,64]{3,2,1,0}, u8[0]{0}) custom-call(%x, %k), \
window={size=3x3 stride=2x2 pad=0_1x0_1}, dim_labels=b01f_o01i->b01f, \
custom_call_target="__cudnn$convForward"
  %dx = (bf16[8,16,16,32]{3,2,1,0}, u8[0]{0}) custom-call(%dy, %k), \
window={size=3x3 stride=2x2 pad=0_1x0_1}, dim_labels=b01f_o01i->b01f, \
custom_call_target="__cudnn$convBackwardInput"
  %dk = (f32[64,3,3,32]{3,2,1,0}, u8[0]{0}) custom-call(%x, %dy), \
window={size=3x3 stride=2x2 pad=0_1x0_1}, dim_labels=b01f_o01i->b01f, \
custom_call_target="__cudnn$convBackwardFilter"
  %gram = (f32[16,4]{1,0}, s8[0]{0}) custom-call(%a, %b), \
custom_call_target="__cublas$lt$matmul", backend_config={"gemm_backend_config":\
{"dot_dimension_numbers":{"lhs_contracting_dimensions":["1"]}}}
  %a = f32[16,128]{1,0} parameter(5)
  %b = f32[128,4]{1,0} parameter(6)
  %rows.1 = f32[4,64]{1,0} fusion(%t, %n), kind=kLoop, calls=%gathered
  %part = ((f32[16,4]{1,0}), (f32[4,4]{1,0})) reduce-scatter-start(%gram), \
replica_groups=mesh['axis_0'=4,'axis_1'=2] {'axis_0'}, dimensions={0}, \
to_apply=%sum
  ROOT %done = f32[4,4]{1,0} reduce-scatter-done(%part)
}
"""
