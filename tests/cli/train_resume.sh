# Training that was killed, stopped, or found its newest checkpoint damaged goes on to the same bytes as if never stopped.
source "$source/tests/cli/lib_train.sh"
train 2 whole

# killed at different moments, gone on with on other numbers of ranks
ranks=1
for delay in 0.9 1.6 2.4; do
  rm -rf killed
  mpirun --oversubscribe -n 2 "$antarctic" train train.yaml --run killed > /dev/null 2>&1 &
  pid=$!
  sleep $delay
  kill_run $pid
  sleep 0.2
  train $ranks killed
  same whole killed
  ranks=$((ranks % 4 + 1))
done
if find killed -name '*.tmp*' | grep .; then exit 1; fi

# killed right after each checkpoint's publishing
for step in 3 9; do
  rm -rf killed
  mpirun --oversubscribe -n 3 "$antarctic" train train.yaml --run killed > /dev/null 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    ls killed/checkpoints 2> /dev/null | grep "^step=000000$step" && break
    sleep 0.02
  done
  kill_run $pid
  sleep 0.2
  train 2 killed
  same whole killed
done

# asked to stop: a checkpoint, exit code 75, and on
rm -rf stopped
"$antarctic" train train.yaml --run stopped > said.txt 2>&1 &
pid=$!
for _ in $(seq 600); do
  [ -e stopped/metrics.jsonl ] && [ "$(wc -l < stopped/metrics.jsonl)" -ge 2 ] && break
  sleep 0.02
done
kill -USR1 $pid
expect 75 wait $pid
grep -q 'stopped on request after step' said.txt
ls stopped/checkpoints | grep .
train 3 stopped
same whole stopped

# the newest checkpoint cut short: the one before is used, and said
begin_again() { # a copy of the whole run that believes it is not finished
  rm -rf "$1"
  cp -r whole "$1"
  rm -f "$1/DONE" "$1/report.html" "$1/summary.json"
}
begin_again cut
newest=$(ls cut/checkpoints | tail -1)
head -c 3000 "whole/checkpoints/$newest" > "cut/checkpoints/$newest"
train 2 cut
grep -q "$newest.*the checkpoint before it is used" said.txt
same whole cut
begin_again flipped
printf 'x' | dd of="flipped/checkpoints/$newest" bs=1 seek=60000 conv=notrunc 2> /dev/null
train 2 flipped
grep -q "$newest.*checksum.*the checkpoint before it is used" said.txt
same whole flipped

# no space while saving: said, nothing is lost, and on with more room (40 kB: a checkpoint has 75)
if [ "$(id -u)" -eq 0 ] && mkdir small && mount -t tmpfs -o size=40k none small 2> /dev/null; then
  trap 'umount -l "$PWD/small" 2> /dev/null || true' EXIT
  begin_again full
  rm -r full/checkpoints full/metrics.jsonl full/layer_norms.safetensors
  ln -s "$PWD/small" full/checkpoints
  expect 2 train 2 full
  grep -q 'checkpoints/step=0000003.*No space left on device' said.txt
  [ -z "$(ls small)" ]
  umount small
  rm full/checkpoints
  train 2 full
  same whole full
else
  echo 'skipped here: a full disk (mounting a small file system needs root)'
fi

# a checkpoint of another run, model, or a newer program
begin_again foreign
mkdir -p other
train 1 other/run --set seed=5
rm foreign/checkpoints/*
cp other/run/checkpoints/* foreign/checkpoints
expect 1 train 2 foreign
grep -q 'the state of a run with another config' said.txt
begin_again newer
for f in newer/checkpoints/*; do sed -i 's/"format":"1"/"format":"9"/' "$f"; done
expect 2 train 2 newer
grep -q 'written by a newer version of this program' said.txt

# a data set that changed, in images or in words alone
begin_again changed
cp data/train/scene_00.txt kept.txt
sed -i 's/^a /one /' data/train/scene_00.txt
expect 1 train 2 changed
grep -q 'the input differs' said.txt
cp kept.txt data/train/scene_00.txt
rm data/validation/scene_25.jpg
expect 1 train 2 changed
grep -q 'the input differs' said.txt
