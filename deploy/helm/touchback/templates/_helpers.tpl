{{/* What each service is given of the Secret, reads from Kafka, calls, and shows to those outside. */}}
{{- define "touchback.parts" -}}
listen:
  secrets: [pii_keys, source_secrets]
  topics: []
  egress: []
  ingress: [/in]
ask:
  secrets: [link_keys, pii_keys, smtp_url, channel_secrets]
  topics: [touchback.signals, touchback.profiles, touchback.responses, touchback.cases]
  egress: [smtp, https]
  env:
    TOUCHBACK_PUBLIC_URL: {{ .Values.publicUrl | quote }}
    TOUCHBACK_MAIL_FROM: {{ .Values.mailFrom | quote }}
    TOUCHBACK_OUTBOUND_ALLOW: {{ join "," .Values.outboundAllow | quote }}
collect:
  secrets: [link_keys]
  topics: [touchback.invitations, touchback.answers, touchback.cases, touchback.decisions, touchback.profiles]
  egress: []
  ingress: [/, /s, /f, /stop, /static, /v1/responses, /v1/feedback, /openapi.json]
  env:
    TOUCHBACK_PUBLIC_URL: {{ .Values.publicUrl | quote }}
    TOUCHBACK_TRUSTED_PROXIES: {{ join "," .Values.trustedProxies | quote }}
route:
  secrets: [link_keys, smtp_url, channel_secrets]
  topics: [touchback.responses, touchback.cases, touchback.decisions, touchback.profiles]
  egress: [smtp, https]
  env:
    TOUCHBACK_MAIL_FROM: {{ .Values.mailFrom | quote }}
    TOUCHBACK_OUTBOUND_ALLOW: {{ join "," .Values.outboundAllow | quote }}
    TOUCHBACK_CLOSE_PUBLIC_URL: {{ .Values.closePublicUrl | quote }}
    TOUCHBACK_CONSOLE_URL: {{ .Values.consoleUrl | quote }}
close:
  secrets: [link_keys]
  topics: [touchback.cases, touchback.alerts, touchback.responses, touchback.profiles]
  egress: [https]
  ingress: [/a, /static, /slack]
  env:
    TOUCHBACK_OUTBOUND_ALLOW: {{ join "," .Values.outboundAllow | quote }}
console:
  secrets: [link_keys, api_token, console_users]
  topics: [touchback.cases, touchback.alerts, touchback.decisions, touchback.invitations, touchback.responses, touchback.profiles]
  egress: []
  calls: [close, listen]
  ingress: [/, /live, /v1, /cases, /customers, /causes, /journey, /you, /sign-in, /sign-out, /static]
  env:
    TOUCHBACK_CONSOLE_URL: {{ .Values.consoleUrl | quote }}
    TOUCHBACK_CONSOLE_PROXIES: {{ join "," .Values.consoleProxies | quote }}
    TOUCHBACK_CLOSE_URL: http://{{ .Release.Name }}-close:8080
    TOUCHBACK_LISTEN_URL: http://{{ .Release.Name }}-listen:8080
{{- end -}}

{{- define "touchback.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: touchback
{{- end -}}

{{/* What a pod is found by: (root, part). */}}
{{- define "touchback.selector" -}}
app.kubernetes.io/name: touchback
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "touchback.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{- define "touchback.catalog" -}}
{{ .Values.catalog.existingConfigMap | default (printf "%s-catalog" .Release.Name) }}
{{- end -}}

{{/* The files of the catalog, path: key. A key has no slash. */}}
{{- define "touchback.catalogItems" -}}
{{- $paths := list -}}
{{- if .Values.catalog.existingConfigMap -}}
{{- $paths = list "sources.yaml" "touchpoints.yaml" "teams.yaml" "routing.yaml" "policy.yaml" -}}
{{- range .Values.catalog.surveys }}{{ $paths = append $paths (printf "surveys/%s" .) }}{{ end -}}
{{- else if .Values.catalog.files -}}
{{- $paths = keys .Values.catalog.files -}}
{{- else -}}
{{- range $path, $_ := .Files.Glob "files/catalog/**.yaml" }}{{ $paths = append $paths (trimPrefix "files/catalog/" $path) }}{{ end -}}
{{- end -}}
{{- range sortAlpha $paths }}
- {key: {{ replace "/" "." . }}, path: {{ . }}}
{{- end }}
{{- end -}}

{{/* Keys of the Secret by the file that a pod finds each in: (root, names). */}}
{{- define "touchback.secretVolume" -}}
{{- $root := index . 0 }}
projected:
  defaultMode: 0440
  sources:
    {{- range $file, $key := index . 1 }}
    {{- $place := index $root.Values.secrets.elsewhere $key | default (dict) }}
    - secret:
        name: {{ $place.name | default $root.Values.secrets.name }}
        items: [{key: {{ $place.key | default $key }}, path: {{ $file }}}]
    {{- end }}
{{- end -}}

{{- define "touchback.kafkaSecrets" -}}
{{- $kafka := .Values.kafka -}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
kafka_sasl_password: kafka_sasl_password
{{- end }}
{{- if $kafka.ca }}
kafka_ca: kafka_ca
{{- end }}
{{- if $kafka.clientCertificate }}
kafka_cert: kafka_cert
kafka_key: kafka_key
{{- end }}
{{- end -}}

{{- define "touchback.kafkaEnv" -}}
{{- $kafka := .Values.kafka }}
TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS: {{ $kafka.bootstrapServers | quote }}
TOUCHBACK_KAFKA_SECURITY_PROTOCOL: {{ $kafka.securityProtocol }}
TOUCHBACK_KAFKA_PARTITIONS: {{ $kafka.partitions | quote }}
TOUCHBACK_KAFKA_REPLICATION: {{ $kafka.replication | quote }}
TOUCHBACK_LOG_LEVEL: {{ .Values.logLevel }}
TOUCHBACK_OTLP_ENDPOINT: {{ .Values.otlpEndpoint | quote }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
TOUCHBACK_KAFKA_SASL_MECHANISM: {{ $kafka.saslMechanism }}
TOUCHBACK_KAFKA_SASL_USERNAME: {{ required "kafka.saslUsername: SASL needs one" $kafka.saslUsername | quote }}
TOUCHBACK_KAFKA_SASL_PASSWORD_FILE: /run/secrets/kafka_sasl_password
{{- end }}
{{- if $kafka.ca }}
TOUCHBACK_KAFKA_SSL_CAFILE: /run/secrets/kafka_ca
{{- end }}
{{- if $kafka.clientCertificate }}
TOUCHBACK_KAFKA_SSL_CERTFILE: /run/secrets/kafka_cert
TOUCHBACK_KAFKA_SSL_KEYFILE: /run/secrets/kafka_key
{{- end }}
{{- end -}}

{{/* A pod of our image: (root, part, container's own fields as YAML, env, files of secrets). */}}
{{- define "touchback.pod" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- $own := index . 2 -}}
{{- $env := index . 3 -}}
{{- $files := index . 4 -}}
serviceAccountName: {{ $root.Release.Name }}-{{ $part }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
containers:
  - name: {{ $part }}
    image: {{ include "touchback.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: 65532
      runAsGroup: 65532
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
    env:
      {{- range $name, $value := $env }}
      {{- if $value }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
      {{- end }}
    volumeMounts:
      - {name: secrets, mountPath: /run/secrets, readOnly: true}
      - {name: catalog, mountPath: /etc/touchback/catalog, readOnly: true}
      - {name: tmp, mountPath: /tmp}
    {{- $own | nindent 4 }}
volumes:
  - name: secrets
    {{- include "touchback.secretVolume" (list $root $files) | nindent 4 }}
  # As a folder, never by subPath: only so the kubelet brings changes into a running pod.
  - name: catalog
    configMap:
      name: {{ include "touchback.catalog" $root }}
      items:
        {{- include "touchback.catalogItems" $root | nindent 8 }}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
{{- end -}}

{{/* Settings that are read from files of the Secret: a dict of names. */}}
{{- define "touchback.fileEnv" -}}
{{- range . }}
TOUCHBACK_{{ upper . }}_FILE: /run/secrets/{{ . }}
{{- end }}
{{- end -}}
