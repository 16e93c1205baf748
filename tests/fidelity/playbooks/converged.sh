mkdir -p /opt/half/private /opt/half/deep/er && chmod 755 /opt/half/private
echo right >/opt/half/right
echo wrong >/opt/half/wrong
echo owned >/opt/half/owned && chown deploy: /opt/half/owned && chmod 600 /opt/half/owned
ln -s /opt/half/elsewhere /opt/half/link
ln -s /opt/half/wrong /opt/half/pointer
printf 'one  \ntwo\nthree\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\nlast\t\n' >/opt/half/lines
echo x >/opt/half/extra; echo y >/opt/half/deep/er/f; echo old >/opt/half/motd
useradd -m half; groupadd halves; useradd -m leaver
apt-get install -y -qq refit-tool=1.0 >/dev/null 2>&1
systemctl disable --now cron >/dev/null 2>&1
