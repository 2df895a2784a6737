# Where flock() fails (NFS without lockd: 37; parallel file systems: 524, 95; 38; 11), every job gives the bytes that it gives elsewhere,
# and the virtual captions.h5 is read and not zeros.
. "$source/tests/fault/libfault.sh"
. "$source/tests/cli/lib.sh"
unset HDF5_USE_FILE_LOCKING
mkdir images
cp "$demo"/pictures/scene_0[0-2].jpg images
small_job job.yaml images
run 0 caption job.yaml --run whole --set output.shard_items=2
"$antarctic" inspect whole/captions.h5 > whole.inspect
for error in 37 524 95 38 11; do
  export LOCK_ERROR=$error LD_PRELOAD=$fault/no_flock.so
  run 0 caption job.yaml --run "run$error" --set output.shard_items=2
  run 0 verify "run$error" "run$error/captions.h5"
  run 0 inspect "run$error/captions.h5"
  unset LD_PRELOAD
  sed "s/run$error/whole/" said.txt | cmp - whole.inspect
  same whole "run$error"
  cmp whole/captions.h5 "run$error/captions.h5"
done
grep -q "$(head -1 whole/preds.txt)" whole.inspect # the sample is of texts, not of zeros
# What the user set stays: locks are then asked for.
export LD_PRELOAD=$fault/no_flock.so LOCK_ERROR=37 HDF5_USE_FILE_LOCKING=TRUE
run 2 inspect whole/captions.h5
